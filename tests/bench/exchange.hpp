// SPDX-License-Identifier: GPL-2.0-only
// What passes through: requests that the server answers, and its replies, one by one as over the wire.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "support/datapath.hpp"
#include "support/packet.hpp"

struct least_bpf;

namespace prestack::bench
{

constexpr std::uint32_t keys = 20'000;

// Run times of the two programs, ns.
struct PassCost {
	double request = std::numeric_limits<double>::max();
	double reply = std::numeric_limits<double>::max();
};

enum class Passing {
	neighbour, // a datagram of another port
	udp_miss,
	tcp_miss,
	tcp_set,
	tcp_pipeline, // 16 sets in a segment
	tcp_pipeline_least, // the same through the programs of least.bpf.c
	tcp_fill, // a get that misses, and is answered with a value, which fills
	tcp_set_cached, // a set of a key that is cached
};

// Everything throws std::runtime_error.
class Exchange
{
public:
	Exchange();

	// From now on something else uses as much memory as a core's own cache holds before each packet, as the
	// kernel and the server do between packets.
	void make_cold();
	// The median of so many exchanges, if that is less than what was found before.
	void measure(Passing what, unsigned times, PassCost &least);

private:
	PassCost measure_once(Passing what, unsigned times);
	struct Times {
		std::uint32_t request;
		std::uint32_t reply;
	};
	Times pass_once(Passing what, std::uint32_t number);
	void connect();
	std::string request(Passing what, std::uint32_t number) const;
	static std::string reply(Passing what, std::uint32_t number);

	void work_elsewhere();
	test::Outcome arrives(Passing what, const std::string &frame) const;
	test::Outcome leaves(Passing what, const std::string &frame) const;

	test::Datapath datapath_;
	struct Close {
		void operator()(least_bpf *object) const;
	};
	std::unique_ptr<least_bpf, Close> least_;
	test::Packet packet_;
	std::vector<char> elsewhere_;
	std::uint32_t client_next_ = 0;
	std::uint32_t server_next_ = 0;
	std::uint32_t fresh_ = keys; // from this number on no key was used
};

} // namespace prestack::bench
