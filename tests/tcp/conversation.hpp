// SPDX-License-Identifier: GPL-2.0-only
// One connection on which a script is followed, and what came of it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "script.hpp"
#include "support/endpoint.hpp"
#include "support/tcp_client.hpp"
#include "support/wait.hpp"

namespace prestack::test
{

// A script with the answers that the server alone gives to it.
struct RecordedScript {
	Script script;
	std::string replies;
	std::vector<std::size_t> due; // bytes of the first n replies
	ReplyLength reply_length;
};

// What the test and its clients tell each other: a client waits at the end of a part until its next
// phase has come.
struct Phases {
	std::atomic<unsigned> now{0};
	std::array<std::atomic<unsigned>, 4>
		reached{}; // clients that wait, or waited, for the phase
};

struct SocketOptions {
	int largest_segment = 0; // TCP_MAXSEG, 0: as it is
	int receive_buffer = 0; // SO_RCVBUF, 0: as it is
	std::optional<std::uint32_t> first_sequence{};
	bool keep_alive = false; // asks each second whether the other end is still there
	Phases *phases = nullptr;
};

enum class Outcome {
	complete, // all replies, and where the script says so the server has closed
	broken, // ended early by the server or the network, which the client was told
	wrong, // other bytes than the server's
	stuck, // neither answered nor closed
};

struct Result {
	Outcome outcome = Outcome::stuck;
	std::string detail; // unless it is complete
};

// Speaks from the caller's network namespace. Gives up after `patience` without progress.
Result run_script(const Endpoint &server, const RecordedScript &recorded,
		  const SocketOptions &options, Milliseconds patience);

// Adds `due`; throws if `replies` does not hold as many as the script foresees.
RecordedScript make_recorded_script(Script script, std::string replies, ReplyLength length);

} // namespace prestack::test
