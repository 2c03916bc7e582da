// SPDX-License-Identifier: GPL-2.0-only
// One UDP socket with a window of outstanding gets.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include "options.hpp"
#include "random.hpp"
#include "socket.hpp"
#include "tally.hpp"
#include "workload.hpp"

namespace prestack::load
{

using Clock = std::chrono::steady_clock;

class UdpFlow
{
public:
	// Throws std::system_error.
	UdpFlow(const Options &options, Workload &workload);

	[[nodiscard]] int fd() const { return socket_.fd(); }
	[[nodiscard]] unsigned outstanding() const { return outstanding_; }

	// Sends gets until the window is full or `most` are sent; returns how many.
	unsigned send(unsigned most, Random &random, Tally &tally);

	// Judges all replies that are there; returns how many there were. Never blocks.
	unsigned receive(Tally &tally);

	// Gives up what was sent before now - timeout.
	void expire(Clock::time_point now, Tally &tally);

private:
	static constexpr std::size_t frame_size = 8; // memcached's header in each datagram
	static constexpr std::size_t request_text = 6; // "get ", "\r\n"
	static constexpr std::size_t request_room = 272;
	static constexpr std::size_t reply_room = 2048;
	static constexpr unsigned slot_bits = 6; // of the request id; the others tell reuses apart
	static_assert(1u << slot_bits == max_window);

	struct Slot {
		Clock::time_point sent;
		std::uint32_t key;
		std::uint32_t least; // version
		std::uint16_t id;
		bool busy;
	};
	// What the kernel fills or reads; kept apart, since its addresses must not change.
	struct Buffers {
		std::array<std::array<char, request_room>, max_window> request;
		std::array<std::array<char, reply_room>, max_window> reply;
		std::array<iovec, max_window> request_vector;
		std::array<iovec, max_window> reply_vector;
		std::array<mmsghdr, max_window> request_header;
		std::array<mmsghdr, max_window> reply_header;
	};

	// Both return how many were sent; requests 0..count - 1 are prepared.
	[[nodiscard]] unsigned send_each(unsigned count) const;
	[[nodiscard]] unsigned send_segmented(unsigned count) const;
	void prepare(unsigned slot, unsigned place, std::uint32_t key);
	void check_reply(const char *data, std::size_t size, Clock::time_point now, Tally &tally);

	Workload &workload_;
	std::chrono::milliseconds timeout_;
	unsigned window_;
	Socket socket_;
	std::array<Slot, max_window> slots_{};
	std::unique_ptr<Buffers> buffers_;
	unsigned outstanding_ = 0;
	bool segmented_ = false; // a batch is one message that the kernel cuts up (UDP_SEGMENT)
};

} // namespace prestack::load
