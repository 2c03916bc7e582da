// SPDX-License-Identifier: GPL-2.0-only
// What prestack-load is asked to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "wording.hpp"

namespace prestack::load
{

// Bytes, both ends included; each key has one size in it, always the same.
struct SizeRange {
	std::uint32_t least;
	std::uint32_t most;
};

struct Options {
	Protocol protocol = Protocol::memcached;
	std::string server = "127.0.0.1"; // numeric IPv4 or IPv6 address
	std::uint16_t port = 11211; // UDP and TCP
	double seconds = 10;
	unsigned threads = 1;
	unsigned sockets = 4; // per thread
	unsigned window = 16; // outstanding requests per socket, 1..max_window
	std::uint32_t keys = 100000;
	double skew = 0.99; // Zipf exponent; 0: all keys alike
	SizeRange key_size{16, 16};
	SizeRange value_size{32, 32};
	bool tcp = false; // gets go over TCP, and sets over the same connections
	double read_share = 1; // of all requests; the others are sets over TCP
	double absent_share = 0; // of the gets: for keys that nobody stores (TCP)
	std::chrono::milliseconds timeout{200}; // then a datagram counts as lost
	std::uint64_t seed = 1;
	bool preload = true;
	bool segment = true; // send batches by UDP_SEGMENT where all keys have one size
	bool absent_is_wrong = true; // a miss on a key that was stored
};

constexpr unsigned max_window = 64;

struct ParsedOptions {
	Options options;
	int exit_code = -1; // -1: go on; else end with this code, `text` has been printed
};

[[nodiscard]] ParsedOptions parse_options(int argc, char **argv);

} // namespace prestack::load
