// SPDX-License-Identifier: GPL-2.0-only
// Clients over UDP.
#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <thread>

#include "client.hpp"
#include "support/process.hpp"
#include "support/text_protocol.hpp"
#include "support/udp_client.hpp"
#include "value.hpp"

namespace prestack::test
{

namespace
{

constexpr unsigned window = 8; // requests of one reader under way
constexpr unsigned most_keys = 3; // of one request
constexpr Milliseconds look_for_losses{20};

std::int64_t ns_of(Milliseconds time)
{
	return std::chrono::nanoseconds(time).count();
}

struct Asked {
	std::vector<std::uint32_t> keys;
	std::int64_t start = 0;
	std::string reply{};
};

// Splits a reply to a `get` of several keys into one for each.
std::string block_of(std::uint32_t key, std::string_view reply)
{
	const std::string head = "VALUE " + key_name(key) + " ";
	while (reply.starts_with("VALUE ")) {
		const auto line_end = reply.find("\r\n");
		const auto fields = words(std::string(reply.substr(0, line_end)));
		const std::size_t size = line_end + 2 + std::stoul(fields.at(3)) + 2;
		if (reply.starts_with(head))
			return std::string(reply.substr(0, size)) + "END\r\n";
		reply.remove_prefix(std::min(reply.size(), size));
	}
	return reply == "END\r\n" ? std::string(reply) : "damaged";
}

std::vector<std::uint32_t> some_keys(Client &client)
{
	std::vector<std::uint32_t> keys{client.any_key()};
	while (keys.size() < most_keys && client.below(4) == 0) {
		const std::uint32_t next = client.any_key();
		if (std::ranges::find(keys, next) == keys.end())
			keys.push_back(next);
	}
	return keys;
}

std::string get_of(const std::vector<std::uint32_t> &keys)
{
	std::string request = "get";
	for (const std::uint32_t key : keys)
		request += " " + key_name(key);
	return request + "\r\n";
}

std::string meta_get_of(Client &client, std::uint32_t key)
{
	constexpr std::array flags{" v", " v", " v k", " v f s", " v t", " v f k O77", " s v q"};
	std::string chosen = flags.at(client.below(flags.size()));
	// A quiet miss has no reply to wait for.
	if (chosen.ends_with("q"))
		chosen = " v O1";
	if (client.options().base64 && client.below(8) == 0)
		return "mg " + base64_key_name(key) + chosen + " b\r\n";
	return "mg " + key_name(key) + chosen + "\r\n";
}

void record_reads(Client &client, const Asked &asked, std::int64_t end, const char *how)
{
	const std::string &reply = asked.reply;
	for (const std::uint32_t key : asked.keys) {
		const bool single = asked.keys.size() == 1;
		const auto version = version_in(key, single ? reply : block_of(key, reply));
		// A lost part of a reply to several keys looks as if its keys were absent.
		if (!single && client.options().lossy && version == absent_version)
			continue;
		if (version)
			client.read(key, *version, asked.start, end, how);
		else if (!reply.starts_with("SERVER_ERROR"))
			client.read(key, garbage_version, asked.start, end, how);
	}
}

void read_in_a_window(Client &client, bool meta)
{
	UdpClient udp(client.ns(), client.server());
	std::map<std::uint16_t, Asked> asked;
	const bool lossy = client.options().lossy;
	while (!client.stopped()) {
		while (asked.size() < window) {
			Asked next{.keys = meta ? std::vector{client.any_key()}
						: some_keys(client)};
			const std::string request =
				meta ? meta_get_of(client, next.keys.front()) : get_of(next.keys);
			const std::uint16_t id = udp.next_request_id();
			next.start = now_ns();
			udp.send({.request_id = id}, request);
			asked.insert_or_assign(id, std::move(next));
		}
		const auto datagram = udp.receive(look_for_losses);
		const std::int64_t end = now_ns();
		if (!datagram) {
			// A late reply finds no request; its number does not come again for long.
			std::erase_if(asked, [&](const auto &each) {
				return end - each.second.start >
				       ns_of(client.options().loss_patience);
			});
			continue;
		}
		const auto which = asked.find(datagram->header.request_id);
		if (which == asked.end()) {
			if (!lossy)
				throw std::runtime_error("a reply that nobody asked for");
			continue;
		}
		// memcached may send a reply as several datagrams, each the only one by its header.
		which->second.reply += datagram->payload;
		const bool alone = datagram->header.total == 1;
		if (holds_replies(which->second.reply, 1) && (alone || !lossy))
			record_reads(client, which->second, end, meta ? "mg/udp" : "get/udp");
		// Parts of two replies to a doubled request do not fit together.
		else if (!lossy)
			continue;
		asked.erase(which);
	}
}

// The version that a cas replaces.
std::string unique_of(UdpClient &udp, Client &client, std::uint32_t key)
{
	const std::uint16_t id = udp.next_request_id();
	udp.send({.request_id = id}, "gets " + key_name(key) + "\r\n");
	const std::string found = udp.collect(id, 1, client.options().loss_patience);
	const auto fields = words(found.substr(0, found.find("\r\n")));
	return fields.size() == 5 ? fields[4] : "";
}

void write_one_datagram(UdpClient &udp, Client &client)
{
	const LoadOptions &options = client.options();
	Command command = client.any_write(true);
	if (command.effect == Effect::store && kind_of(command.key) == KeyKind::text &&
	    client.below(10) == 0) {
		const std::string unique = unique_of(udp, client, command.key);
		if (!unique.empty())
			command = compare_and_store(command.key, command.version, unique);
	}
	const std::uint16_t id = udp.next_request_id();
	const std::int64_t start = now_ns();
	udp.send({.request_id = id}, command.bytes);
	if (!command.replied)
		return client.perhaps_wrote(command, start, start + ns_of(options.datagram_life));

	std::int64_t sent = start;
	std::string reply = udp.collect(id, 1, options.loss_patience);
	if (reply.empty() && client.below(2) == 0) {
		// Again, with the same number.
		sent = now_ns();
		udp.send({.request_id = id}, command.bytes);
		reply = udp.collect(id, 1, options.loss_patience);
	}
	const std::int64_t end = now_ns();
	const bool once = !options.lossy && sent == start;
	const std::int64_t until = once ? always : sent + ns_of(options.datagram_life);
	if (const auto version = version_after(command, reply))
		return client.wrote(command, *version, start, end, until);
	// Refused; but perhaps it was done before, and that reply was lost, or is still under way.
	if (!once || reply.empty())
		client.perhaps_wrote(command, start, sent + ns_of(options.datagram_life));
}

} // namespace

void read_datagrams(Client &client)
{
	read_in_a_window(client, false);
}

void read_meta_datagrams(Client &client)
{
	read_in_a_window(client, true);
}

void write_datagrams(Client &client)
{
	UdpClient udp(client.ns(), client.server());
	while (!client.stopped()) {
		client.pause();
		write_one_datagram(udp, client);
	}
}

// Requests that all have the same number, several at a time: what belongs to what cannot be told, so
// none of it is read. It must not harm others.
void be_careless(Client &client)
{
	constexpr UdpHeader always_the_same{.request_id = 0};
	UdpClient udp(client.ns(), client.server());
	while (!client.stopped()) {
		const auto next_write = Clock::now() + client.interval();
		while (!client.stopped() && Clock::now() < next_write) {
			udp.send(always_the_same, get_of({client.any_key()}));
			if (client.below(2) == 0)
				udp.send(always_the_same, get_of({client.any_key()}));
			udp.receive(look_for_losses);
			std::this_thread::sleep_for(std::chrono::microseconds{client.below(3'000)});
		}
		for (unsigned i = 0; i <= client.below(2); ++i) {
			const std::uint32_t key = client.any_key_to_write();
			const Command command =
				plain_set(client.random(), key, client.next_version());
			const std::int64_t start = now_ns();
			udp.send(always_the_same, command.bytes);
			client.perhaps_wrote(command, start,
					     start + ns_of(client.options().datagram_life));
		}
		while (udp.receive(Milliseconds{1})) {
		}
	}
}

} // namespace prestack::test
