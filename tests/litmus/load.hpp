// SPDX-License-Identifier: GPL-2.0-only
// Concurrent clients on a few hot keys that record everything they do.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "history.hpp"
#include "support/tcp_client.hpp"
#include "support/udp_client.hpp"

namespace prestack::test
{

struct LoadOptions {
	std::uint32_t keys = 4;
	unsigned readers = 5; // over UDP
	unsigned tcp_writers = 2;
	unsigned udp_writers = 1;
	std::chrono::microseconds write_interval{100'000}; // of one key, on average
};

// Nanoseconds of the clock that all records use.
std::int64_t now_ns();

std::string key_name(std::uint32_t key);
// The version as 20 digits, then padding whose length and bytes follow from it: less than 100 bytes
// for one half of the versions, up to 1000 for the other.
std::string value_of(std::uint64_t version);
// The version that this is the value of; garbage_version if of none.
std::uint64_t version_of(std::string_view value);

class Load
{
public:
	// Starts all clients.
	Load(const Netns &ns, const Endpoint &server, const LoadOptions &options);
	Load(const Load &) = delete;
	Load &operator=(const Load &) = delete;
	~Load();

	// Operations recorded so far.
	std::uint64_t operations() const { return operations_; }
	// The server was killed at `killed`; from `forgotten` on nothing that was written before is
	// to be seen.
	void server_lost_all(std::int64_t killed, std::int64_t forgotten);
	// Ends the clients and returns all that they did.
	std::vector<Operation> stop();

private:
	struct Client {
		std::uint32_t id;
		std::mt19937 random;
		std::vector<Operation> history;
	};

	void start(void (Load::*loop)(Client &));
	void read_udp(Client &client);
	void write_udp(Client &client);
	void write_tcp(Client &client);
	void write_once(Client &client, TcpClient &tcp);
	// Sends a storage command that must be answered with `good` to count as a write.
	void store_tcp(Client &client, TcpClient &tcp, std::uint32_t key,
		       const std::string &command, std::uint64_t version, std::string_view good);
	void record(Client &client, OperationKind kind, std::uint32_t key, std::uint64_t version,
		    std::int64_t start, std::int64_t end);
	void record_reads(Client &client, const std::vector<std::uint32_t> &keys,
			  std::string_view reply, std::int64_t start, std::int64_t end);
	void pause(Client &client) const;
	std::uint32_t any_key(Client &client) const;

	const Netns &ns_;
	const Endpoint server_;
	const LoadOptions options_;
	std::atomic<bool> stop_{false};
	std::atomic<std::uint64_t> version_{0};
	std::atomic<std::uint64_t> operations_{0};
	std::deque<Client> clients_; // of which references stay good
	std::vector<std::thread> threads_;
};

} // namespace prestack::test
