// SPDX-License-Identifier: GPL-2.0-only
// What all clients of a run share, and what each of them has.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "command.hpp"
#include "history.hpp"
#include "protocol.hpp"
#include "support/endpoint.hpp"
#include "support/netns.hpp"
#include "support/wait.hpp"

namespace prestack::test
{

struct LoadOptions {
	std::uint32_t keys = 5; // see kind_of(); the sixth is mortal
	// Clients of each kind.
	unsigned udp_readers = 6;
	unsigned udp_meta_readers = 3;
	unsigned tcp_readers = 3;
	unsigned tcp_writers = 5;
	unsigned udp_writers = 3;
	unsigned careless = 1; // over UDP, each request with the same number
	unsigned aside_writers = 0; // over the loopback, which prestack does not see
	// By then prestack has heard what they did, or serves nothing: docs/coherence.md.
	Milliseconds heard_within{1'100};
	std::chrono::microseconds write_interval{100'000}; // of one key, on average
	unsigned flush_all_of = 500; // one write of so many; 0: none
	unsigned replace_of = 10; // and of a stream's: one that replaces just what was read
	bool base64 = true; // some meta commands name their key in base64
	bool split = true; // commands over TCP, over several segments
	// Datagrams are lost and doubled: replies come late, twice or never, and requests may be
	// carried out once more until `datagram_life` after they were sent.
	bool lossy = false;
	Milliseconds datagram_life{2'000};
	Milliseconds loss_patience{1'000};
	std::uint32_t seed = 0; // 0: a random one
};

// Nanoseconds of the clock that all records use.
std::int64_t now_ns();

struct Shared {
	const Protocol &protocol;
	const Netns &ns;
	const Netns &server_ns;
	const Endpoint server;
	const LoadOptions options;
	std::atomic<bool> stop{false};
	std::atomic<std::uint64_t> version{0};
	std::atomic<std::uint64_t> operations{0};
	std::atomic<std::uint64_t> disturbed{0}; // how often a client had to begin again
};

// One client: used by one thread.
class Client
{
public:
	Client(Shared &shared, std::uint32_t id, std::uint32_t seed)
		: shared_(shared), id_(id), random_(seed)
	{
	}
	Client(const Client &) = delete;
	Client &operator=(const Client &) = delete;

	const Protocol &protocol() const { return shared_.protocol; }
	const Netns &ns() const { return shared_.ns; }
	const Netns &server_ns() const { return shared_.server_ns; }
	std::uint32_t id() const { return id_; }
	const Endpoint &server() const { return shared_.server; }
	const LoadOptions &options() const { return shared_.options; }
	bool stopped() const { return shared_.stop; }

	std::mt19937 &random() { return random_; }
	unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
	std::uint32_t any_key() { return below(shared_.options.keys); }
	std::uint64_t next_version() { return ++shared_.version; }
	// Of a key that is written less often than others, with mortals.
	std::uint32_t any_key_to_write();
	Command any_write(bool datagram);

	// How long to wait between writes so that all writers together keep to
	// options().write_interval.
	std::chrono::microseconds interval();
	void pause() { std::this_thread::sleep_for(interval()); }
	// From now on prestack does not see what it does.
	void go_aside() { aside_ = true; }
	// When to leave a connection for a new one.
	Clock::time_point some_time_from_now();

	void read(std::uint32_t key, std::uint64_t version, std::int64_t start, std::int64_t end,
		  const char *how);
	// A command that did what it says: `version` is there now. `until`: see Operation.
	void wrote(const Command &command, std::uint64_t version, std::int64_t start,
		   std::int64_t end, std::int64_t until = always);
	// A command of which that is not known; what it does, it does until then.
	void perhaps_wrote(const Command &command, std::int64_t start, std::int64_t until);
	// One that was carried out by `end` if its condition held.
	void wrote_if_it_could(const Command &command, std::int64_t start, std::int64_t end);
	void record(const Operation &operation);

	const std::vector<Operation> &history() const { return history_; }

private:
	void record_write(const Command &command, Operation write);
	void record_death(const Command &command, const Operation &write);

	Shared &shared_;
	std::uint32_t id_;
	std::mt19937 random_;
	bool aside_ = false;
	std::vector<Operation> history_;
};

// What clients do, until stopped() or until the server or the path is gone (then they throw).
void read_datagrams(Client &client);
void read_meta_datagrams(Client &client);
void write_datagrams(Client &client);
void be_careless(Client &client);
void read_streams(Client &client);
void write_streams(Client &client);
void write_aside(Client &client);

} // namespace prestack::test
