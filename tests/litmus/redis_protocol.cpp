// SPDX-License-Identifier: GPL-2.0-only
// Redis, over TCP only.
#include <array>
#include <charconv>

#include "protocol.hpp"
#include "redis_command.hpp"
#include "support/redis.hpp"
#include "support/resp.hpp"
#include "value.hpp"

namespace prestack::test
{

namespace
{

constexpr std::int64_t millisecond = 1'000'000;
constexpr unsigned most_keys = 4; // of one MGET
constexpr std::string_view ok = "+OK\r\n";

bool is_null(std::string_view reply)
{
	return reply == "$-1\r\n" || reply == "_\r\n";
}

// Takes the line "<type><number>\r\n" off the reply. nullopt: it does not begin so.
std::optional<std::size_t> take_number(char type, std::string_view &reply)
{
	const auto end = reply.find("\r\n");
	std::size_t number = 0;
	if (!reply.starts_with(type) || end == std::string_view::npos)
		return std::nullopt;
	const auto parsed = std::from_chars(reply.data() + 1, reply.data() + end, number);
	if (parsed.ec != std::errc{} || parsed.ptr != reply.data() + end)
		return std::nullopt;
	reply.remove_prefix(end + 2);
	return number;
}

// The version in a bulk string that is all of `reply`.
std::uint64_t version_in_bulk(std::uint32_t key, std::string_view reply)
{
	if (is_null(reply))
		return absent_version;
	const auto length = take_number('$', reply);
	if (!length || reply.size() != *length + 2 || !reply.ends_with("\r\n"))
		return garbage_version;
	return redis_version_of(kind_of(key), reply.substr(0, *length));
}

class RedisProtocol : public Protocol
{
public:
	std::unique_ptr<Server> start(const Netns &ns, const std::string &address) const override
	{
		return std::make_unique<Redis>(ns, RedisOptions{.addresses = {address}});
	}

	ServiceOptions service() const override { return redis_service(); }

	// Its clock has milliseconds, and stands still while it executes commands.
	ServerClock clock() const override
	{
		return {.expiry_early = 5 * millisecond,
			.expiry_late = 5 * millisecond,
			.mortal_interval = std::chrono::milliseconds{700}};
	}

	std::vector<Clients> clients(const LoadOptions &load) const override
	{
		return {{load.tcp_readers, read_streams},
			{load.tcp_writers, write_streams},
			{load.aside_writers, write_aside}};
	}

	ReplyLength reply_length() const override { return resp_reply_length; }
	std::string greeting(Client &client) const override
	{
		return client.below(4) == 0 ? resp({"HELLO", "3"}) : "";
	}
	std::string_view sync() const override { return "*1\r\n$4\r\nPING\r\n"; }
	std::string_view synced() const override { return "+PONG\r\n"; }
	bool always_syncs() const override { return false; }

	Read any_read(Client &client) const override
	{
		constexpr std::array cases{"GET", "get", "Get"};
		Read read{.keys = {client.any_key()}};
		std::string verb = cases.at(client.below(cases.size()));
		const unsigned choice = client.below(16);
		if (choice < 5) {
			verb = client.below(8) == 0 ? "mgET" : "MGET";
			while (read.keys.size() < most_keys && client.below(4) != 0)
				read.keys.push_back(client.any_key());
		} else if (choice == 5) {
			verb = "STRLEN";
		} else if (choice == 6) {
			verb = "EXISTS";
		} else if (choice == 7 && client.below(4) == 0) {
			read.bytes = "get " + key_name(read.keys.front()) + "\r\n";
			return read;
		}
		std::vector<std::string> words{verb};
		for (const std::uint32_t key : read.keys)
			words.push_back(key_name(key));
		read.bytes = resp(words);
		return read;
	}

	std::vector<Seen> seen_in(const Read &read, std::string_view reply) const override
	{
		const std::uint32_t first = read.keys.front();
		// STRLEN and EXISTS tell nothing of what is there.
		if (reply == ":0\r\n")
			return {{first, absent_version}};
		if (reply.starts_with(':'))
			return {};
		if (reply.starts_with('*'))
			return seen_in_array(read, reply);
		return {{first, version_in_bulk(first, reply)}};
	}

	Command any_write(Client &client, const CommandOptions &options) const override
	{
		return any_redis_command(client, client.any_key_to_write(), options);
	}

	Command plain_set(Client &client, std::uint32_t key) const override
	{
		return redis_set(client, key);
	}

	std::optional<std::uint64_t> version_after(const Command &command,
						   std::string_view reply) const override
	{
		if (reply.starts_with('-') || !reply.starts_with(command.done))
			return std::nullopt;
		if (command.effect == Effect::none)
			return std::nullopt;
		if (command.effect != Effect::count)
			return command.version;
		// The last line: a string, or an integer, perhaps one of an EXEC.
		reply.remove_suffix(2);
		const std::uint64_t version = redis_version_of(
			KeyKind::counter, reply.substr(reply.find_last_of(":\n") + 1));
		return version == garbage_version ? std::nullopt : std::optional(version);
	}

	Look look_at(std::uint32_t key) const override
	{
		return {.bytes = resp({"WATCH", key_name(key)}) + resp({"GET", key_name(key)}),
			.replies = 2};
	}

	std::optional<Command> replace(std::uint32_t key, std::uint64_t version,
				       std::string_view found) const override
	{
		if (!found.starts_with(ok))
			return std::nullopt;
		return redis_watched_set(key, version);
	}

private:
	static std::vector<Seen> seen_in_array(const Read &read, std::string_view reply)
	{
		std::vector<Seen> seen;
		const auto count = take_number('*', reply);
		if (!count || *count != read.keys.size())
			return {{read.keys.front(), garbage_version}};
		for (const std::uint32_t key : read.keys) {
			const std::size_t length = resp_reply_length(reply);
			seen.push_back({key, version_in_bulk(key, reply.substr(0, length))});
			reply.remove_prefix(length);
		}
		return seen;
	}
};

} // namespace

const Protocol &redis_protocol()
{
	static const RedisProtocol protocol;
	return protocol;
}

} // namespace prestack::test
