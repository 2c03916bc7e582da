// SPDX-License-Identifier: GPL-2.0-only
// memcached, with four threads.
#include <array>

#include "client.hpp"
#include "protocol.hpp"
#include "support/memcached.hpp"
#include "value.hpp"

namespace prestack::test
{

namespace
{

constexpr std::int64_t second = 1'000'000'000;

class MemcachedProtocol : public Protocol
{
public:
	std::unique_ptr<Server> start(const Netns &ns, const std::string &address) const override
	{
		return std::make_unique<Memcached>(
			ns, MemcachedOptions{.addresses = {address}, .extra = {"-t", "4"}});
	}

	ServiceOptions service() const override { return {}; }

	// Its clock has whole seconds, and may go by two at a time. Its flush spares what is younger than
	// one of them.
	ServerClock clock() const override
	{
		return {.flush_spares = 2 * second,
			.expiry_early = 2 * second,
			.expiry_late = second,
			.mortal_interval = std::chrono::seconds{5}};
	}

	std::vector<Clients> clients(const LoadOptions &load) const override
	{
		return {{load.udp_readers, read_datagrams},
			{load.udp_meta_readers, read_meta_datagrams},
			{load.tcp_readers, read_streams},
			{load.tcp_writers, write_streams},
			{load.udp_writers, write_datagrams},
			{load.careless, be_careless}};
	}

	ReplyLength reply_length() const override { return test::reply_length; }
	std::string greeting(Client & /*client*/) const override { return ""; }
	std::string_view sync() const override { return "mn\r\n"; }
	std::string_view synced() const override { return "MN\r\n"; }
	bool always_syncs() const override { return true; }

	Read any_read(Client &client) const override
	{
		constexpr std::array verbs{"get ", "gets ", "mg "};
		const std::uint32_t key = client.any_key();
		const std::string verb = verbs.at(client.below(verbs.size()));
		return {.bytes = verb + key_name(key) + (verb == "mg " ? " v\r\n" : "\r\n"),
			.keys = {key}};
	}

	std::vector<Seen> seen_in(const Read &read, std::string_view reply) const override
	{
		const std::uint32_t key = read.keys.front();
		return {{key, version_in(key, reply).value_or(garbage_version)}};
	}

	Command any_write(Client &client, const CommandOptions &options) const override
	{
		const std::uint32_t key = client.any_key_to_write();
		return any_command(client.random(), key, client.next_version(), options);
	}

	Command plain_set(Client &client, std::uint32_t key) const override
	{
		return test::plain_set(client.random(), key, client.next_version());
	}

	std::optional<std::uint64_t> version_after(const Command &command,
						   std::string_view reply) const override
	{
		return test::version_after(command, reply);
	}

	Look look_at(std::uint32_t key) const override
	{
		return {.bytes = "gets " + key_name(key) + "\r\n"};
	}

	std::optional<Command> replace(std::uint32_t key, std::uint64_t version,
				       std::string_view found) const override
	{
		const auto fields = words(std::string(found.substr(0, found.find("\r\n"))));
		if (fields.size() != 5)
			return std::nullopt;
		return compare_and_store(key, version, fields[4]);
	}
};

} // namespace

const Protocol &memcached_protocol()
{
	static const MemcachedProtocol protocol;
	return protocol;
}

} // namespace prestack::test
