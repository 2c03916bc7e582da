// SPDX-License-Identifier: GPL-2.0-only
// The BPF programs, loaded by the loader's own code but attached to nothing: packets are fed to
// them through BPF_PROG_TEST_RUN, and tables are small enough to fill.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <prestack/types.h>

#include "loader/kernel/address_maps.hpp"
#include "loader/kernel/objects.hpp"
#include "loader/kernel/service_maps.hpp"

namespace prestack::test
{

struct DatapathOptions {
	std::string plugin = "toy"; // of the service; one service, port service_port
	std::uint32_t ways = 4;
	std::uint32_t sets = 1024; // a power of two, at least PS_MAX_WAYS
	std::uint32_t large_sets = 64; // a power of two, at most `sets`
	std::uint32_t fences = 1024; // a power of two
	std::uint32_t flows = 1024; // TCP connections
	std::uint32_t max_key = PS_MAX_KEY;
	std::uint32_t max_value = PS_MAX_VALUE;
	std::chrono::nanoseconds settle{0};
	std::uint32_t pending_requests =
		32768; // places of requests that wait for their replies; a power of two
	// The server listens at every address; else nowhere, until addresses() says where.
	bool everywhere = true;
	// Take replies from any sender: under BPF_PROG_TEST_RUN no packet belongs to a socket.
	bool trust_sender = true;
};

using Counts = std::array<std::uint64_t, PS_NR_COUNTERS>;

// What one program made of one packet.
struct Outcome {
	int verdict = 0;
	std::string frame; // afterwards; metadata, if the program made some, comes first
	std::uint32_t nanoseconds = 0; // per run, when repeated
};

// Everything throws std::runtime_error with the loader's error text when the kernel refuses.
class Datapath
{
public:
	static constexpr std::uint16_t service_port = 11211;

	explicit Datapath(const DatapathOptions &options = {});

	// Packets arrive and leave by interface `test_ifindex` (the loopback's number).
	static constexpr std::uint32_t test_ifindex = 1;
	Outcome ingress(std::string_view frame, std::uint32_t repeat = 1) const;
	// With trust_sender, `socket` stands for the cookie of the socket that sent it; 0: any known one.
	Outcome egress(std::string_view frame, std::uint32_t socket = 0) const;
	// A frame that came in by another interface leaves.
	Outcome forwarded(std::string_view frame) const;
	Outcome tc_ingress(std::string_view frame) const;
	// Runs a program of any of the three kinds.
	static Outcome run(int program, std::string_view frame, std::uint32_t repeat = 1,
			   std::uint32_t mark = 0, std::uint32_t came_by = 0);

	Counts counts() const;
	ps_scan scan() const;
	std::uint32_t epoch() const { return maps_.epoch(0); }
	// The server has everything, for ever: entries whose expiry was asked for can be served.
	// Returns how many there were.
	unsigned answer_expiry_questions() const;
	// As `prestack flush` does it.
	void bump_epoch() { maps_.bump_epoch(0); }
	// The heartbeat: nothing is served after `span` from now. At first it is a year.
	void keep_alive(std::chrono::nanoseconds span) { maps_.keep_alive(0, span); }
	ps_service_conf conf() const;
	void set_conf(const ps_service_conf &conf);
	// Where servers listen, and what links there are; at first service 0 is everywhere.
	AddressMaps &addresses() { return addresses_; }
	// Replaces the list of those who are answered; at first it is everybody.
	void allow(const std::vector<std::string> &prefixes);

	// Any map of the core, also those that the loader itself does not use.
	int map(std::string_view name) const;
	const CorePrograms &programs() const { return objects_.programs(); }
	const ps_config &config() const { return config_; }

private:
	ps_config config_;
	Objects objects_;
	ServiceMaps maps_;
	AddressMaps addresses_;
};

// The counters that differ, as "hits+1 requests+1", in the order of enum ps_counter; "" if none.
std::string moved(const Counts &before, const Counts &after);

} // namespace prestack::test
