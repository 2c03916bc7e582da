// SPDX-License-Identifier: GPL-2.0-only
// One TCP connection with a window of outstanding gets and sets, answered in order.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "options.hpp"
#include "random.hpp"
#include "socket.hpp"
#include "tally.hpp"
#include "workload.hpp"

namespace prestack::load
{

class StreamFlow
{
public:
	using Clock = std::chrono::steady_clock;

	// `number` of the run's connections: sets only keys that no other one sets, so that the order of
	// a key's sets is known. Throws std::system_error.
	StreamFlow(const Options &options, Workload &workload, unsigned number);

	[[nodiscard]] int fd() const { return socket_.fd(); }
	[[nodiscard]] unsigned outstanding() const { return count_; }
	[[nodiscard]] bool unsent() const { return !out_.empty(); }

	// Fills the window and sends. Throws std::system_error.
	void fill(Random &random, Tally &tally);

	// Sends what is left. Throws std::system_error.
	void flush();

	// Judges the answers that are there. Never blocks. Throws std::runtime_error if an answer is
	// wrong, since nobody knows where the next one begins.
	void receive(Tally &tally);

private:
	enum class Kind : std::uint8_t { get, get_absent, set };
	struct Pending {
		Clock::time_point sent;
		std::uint32_t key;
		std::uint32_t version; // of a set; for a get, the least that may be answered
		Kind kind;
	};

	Pending make(Random &random) const;
	// Bytes of the answer to `p` at the start of `text`, or 0: not all of it is there.
	std::size_t check_reply(std::string_view text, const Pending &p, Clock::time_point now,
				Tally &tally);

	const Options &options_;
	Workload &workload_;
	unsigned number_;
	Socket socket_;
	std::array<Pending, max_window> window_{};
	unsigned first_ = 0;
	unsigned count_ = 0;
	std::string out_;
	std::string in_;
};

} // namespace prestack::load
