// SPDX-License-Identifier: GPL-2.0-only
#include "load.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>
#include <stdexcept>

#include "support/process.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr std::size_t digits = 20;
constexpr unsigned window = 8; // requests of one reader under way
constexpr Milliseconds loss_patience{1'000};

std::size_t size_of(std::uint64_t version)
{
	const std::uint64_t mixed = (version * 0x9e3779b97f4a7c15ULL) >> 32;
	return version % 2 == 0 ? digits + mixed % 50 : 100 + mixed % 900;
}

// The value in each VALUE block of a reply, by key.
std::map<std::string, std::string, std::less<>> values_in(std::string_view reply)
{
	std::map<std::string, std::string, std::less<>> values;
	while (reply.starts_with("VALUE ")) {
		const auto line_end = reply.find("\r\n");
		const auto fields = words(std::string(reply.substr(0, line_end)));
		const std::size_t size = std::stoul(fields.at(3));
		values[fields.at(1)] = reply.substr(line_end + 2, size);
		reply.remove_prefix(std::min(reply.size(), line_end + 2 + size + 2));
	}
	return values;
}

} // namespace

std::int64_t now_ns()
{
	return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

std::string key_name(std::uint32_t key)
{
	return "litmus-" + std::to_string(key);
}

std::string value_of(std::uint64_t version)
{
	char text[digits + 1];
	std::snprintf(text, sizeof(text), "%020llu", static_cast<unsigned long long>(version));
	std::string value(text);
	value.resize(size_of(version), static_cast<char>('a' + version % 26));
	return value;
}

std::uint64_t version_of(std::string_view value)
{
	std::uint64_t version = 0;
	const auto number = value.substr(0, digits);
	const auto parsed = std::from_chars(number.data(), number.data() + number.size(), version);
	const bool whole = parsed.ptr == number.data() + digits && value == value_of(version);
	return whole ? version : garbage_version;
}

Load::Load(const Netns &ns, const Endpoint &server, const LoadOptions &options)
	: ns_(ns), server_(server), options_(options)
{
	for (unsigned i = 0; i < options_.readers; ++i)
		start(&Load::read_udp);
	for (unsigned i = 0; i < options_.tcp_writers; ++i)
		start(&Load::write_tcp);
	for (unsigned i = 0; i < options_.udp_writers; ++i)
		start(&Load::write_udp);
}

Load::~Load()
{
	stop();
}

void Load::start(void (Load::*loop)(Client &))
{
	const auto id = static_cast<std::uint32_t>(clients_.size());
	Client &client = clients_.emplace_back(id, std::mt19937(std::random_device{}()),
					       std::vector<Operation>{});
	threads_.emplace_back([this, loop, &client] {
		while (!stop_) {
			try {
				(this->*loop)(client);
			} catch (const std::exception &) {
				// The server or the path is gone for a moment: with new sockets.
				std::this_thread::sleep_for(Milliseconds{20});
			}
		}
	});
}

std::vector<Operation> Load::stop()
{
	stop_ = true;
	for (std::thread &thread : threads_)
		thread.join();
	threads_.clear();
	std::vector<Operation> all;
	for (const Client &client : clients_)
		all.insert(all.end(), client.history.begin(), client.history.end());
	return all;
}

void Load::server_lost_all(std::int64_t killed, std::int64_t forgotten)
{
	Client &server = clients_.emplace_back(static_cast<std::uint32_t>(clients_.size()),
					       std::mt19937(), std::vector<Operation>{});
	for (std::uint32_t key = 0; key < options_.keys; ++key) {
		record(server, OperationKind::write, key, absent_version, killed, forgotten);
		server.history.back().by_restart = true;
	}
}

void Load::record(Client &client, OperationKind kind, std::uint32_t key, std::uint64_t version,
		  std::int64_t start, std::int64_t end)
{
	client.history.push_back({client.id, kind, key, version, start, end});
	operations_.fetch_add(1, std::memory_order_relaxed);
}

void Load::record_reads(Client &client, const std::vector<std::uint32_t> &keys,
			std::string_view reply, std::int64_t start, std::int64_t end)
{
	const auto values = values_in(reply);
	for (const std::uint32_t key : keys) {
		const auto found = values.find(key_name(key));
		record(client, OperationKind::read, key,
		       found == values.end() ? absent_version : version_of(found->second), start,
		       end);
	}
}

std::uint32_t Load::any_key(Client &client) const
{
	return client.random() % options_.keys;
}

void Load::pause(Client &client) const
{
	const auto writers = options_.tcp_writers + options_.udp_writers;
	const double mean =
		static_cast<double>(options_.write_interval.count()) * writers / options_.keys;
	std::uniform_real_distribution<> around(0.1 * mean, 1.9 * mean);
	std::this_thread::sleep_for(
		std::chrono::microseconds(static_cast<std::int64_t>(around(client.random))));
}

void Load::read_udp(Client &client)
{
	struct Asked {
		std::vector<std::uint32_t> keys;
		std::int64_t start;
		std::string reply;
	};
	UdpClient udp(ns_, server_);
	std::map<std::uint16_t, Asked> asked;
	while (!stop_) {
		while (asked.size() < window) {
			Asked next{.keys = {any_key(client)}, .start = 0, .reply = {}};
			// One in four asks for several keys, each once.
			if (client.random() % 4 == 0) {
				const std::uint32_t other = any_key(client);
				if (other != next.keys.front())
					next.keys.push_back(other);
			}
			std::string request = "get";
			for (const std::uint32_t key : next.keys)
				request += " " + key_name(key);
			const std::uint16_t id = udp.next_request_id();
			next.start = now_ns();
			udp.send({.request_id = id}, request + "\r\n");
			asked.emplace(id, std::move(next));
		}
		auto datagram = udp.receive(loss_patience);
		const std::int64_t end = now_ns();
		// A late reply must not be taken for that of a later request with the same id.
		if (!datagram)
			throw std::runtime_error("a reply was lost");
		const auto which = asked.find(datagram->header.request_id);
		if (which == asked.end())
			throw std::runtime_error("a reply that nobody asked for");
		which->second.reply += datagram->payload;
		if (!holds_replies(which->second.reply, 1))
			continue;
		record_reads(client, which->second.keys, which->second.reply, which->second.start,
			     end);
		asked.erase(which);
	}
}

void Load::write_udp(Client &client)
{
	UdpClient udp(ns_, server_);
	while (!stop_) {
		pause(client);
		const std::uint32_t key = any_key(client);
		const std::uint64_t version = ++version_;
		const std::int64_t start = now_ns();
		const std::uint16_t id = udp.next_request_id();
		udp.send({.request_id = id}, store(key_name(key), value_of(version)));
		const bool stored = udp.collect(id, 1, loss_patience) == "STORED\r\n";
		record(client, OperationKind::write, key, version, start,
		       stored ? now_ns() : never);
		if (!stored)
			return; // with a new socket
	}
}

void Load::store_tcp(Client &client, TcpClient &tcp, std::uint32_t key, const std::string &command,
		     std::uint64_t version, std::string_view good)
{
	const std::int64_t start = now_ns();
	try {
		// Any other answer: the condition of the command did not hold, nothing was written.
		if (tcp.ask(command) == good)
			record(client, OperationKind::write, key, version, start, now_ns());
	} catch (const std::exception &) {
		record(client, OperationKind::write, key, version, start, never);
		throw;
	}
}

void Load::write_once(Client &client, TcpClient &tcp)
{
	const std::uint32_t key = any_key(client);
	const std::string name = key_name(key);
	const std::uint64_t version = ++version_;
	const std::string value = value_of(version);
	const std::string stored = "STORED\r\n";
	switch (client.random() % 6) {
	case 0:
		store_tcp(client, tcp, key, store(name, value), version, stored);
		break;
	case 1:
		store_tcp(client, tcp, key, store(name, value, 0, "replace"), version, stored);
		break;
	case 2: {
		const std::string found = tcp.ask("gets " + name + "\r\n");
		if (!found.starts_with("VALUE "))
			break;
		const auto fields = words(found.substr(0, found.find("\r\n")));
		store_tcp(client, tcp, key,
			  "cas " + name + " 0 0 " + std::to_string(value.size()) + " " +
				  fields.at(4) + "\r\n" + value + "\r\n",
			  version, stored);
		break;
	}
	case 3:
		store_tcp(client, tcp, key, "delete " + name + "\r\n", absent_version,
			  "DELETED\r\n");
		store_tcp(client, tcp, key, store(name, value, 0, "add"), version, stored);
		break;
	case 4:
		store_tcp(client, tcp, key,
			  "ms " + name + " " + std::to_string(value.size()) + "\r\n" + value +
				  "\r\n",
			  version, "HD\r\n");
		break;
	default: {
		// A read on the same connection is the acknowledgement.
		const std::string set = "set " + name + " 0 0 " + std::to_string(value.size()) +
					" noreply\r\n" + value + "\r\n";
		const std::string get = "get " + name + "\r\n";
		const bool one_segment = client.random() % 2 == 0;
		const std::int64_t start = now_ns();
		try {
			tcp.send(one_segment ? set + get : set);
			if (!one_segment)
				tcp.send(get);
			const std::string reply = tcp.receive();
			const std::int64_t end = now_ns();
			record(client, OperationKind::write, key, version, start, end);
			record_reads(client, {key}, reply, start, end);
		} catch (const std::exception &) {
			record(client, OperationKind::write, key, version, start, never);
			throw;
		}
	}
	}
}

void Load::write_tcp(Client &client)
{
	TcpClient tcp(ns_, server_);
	while (!stop_) {
		pause(client);
		write_once(client, tcp);
	}
}

} // namespace prestack::test
