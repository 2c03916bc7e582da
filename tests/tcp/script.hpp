// SPDX-License-Identifier: GPL-2.0-only
// What one client says on one connection, generated from a seed. Each script has keys of its own (and
// shared ones that nobody writes), so that its replies are the same whatever the others do.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace prestack::test
{

// What a client does once a write is in the socket.
enum class Then {
	go_on,
	wait_for_acknowledgement, // of all bytes: the next piece is a segment of its own
	wait_for_replies, // to all that was sent
	pause,
	wait_for_phase,
};

struct Step {
	std::string bytes; // one write
	Then then = Then::go_on;
	unsigned replies = 0; // wait_for_replies: whole ones since the beginning
	std::chrono::microseconds pause{0};
	unsigned phase = 0;
};

enum class Ending {
	half_close, // says that it is done, reads what is left
	quit, // the server closes
	close,
	reset,
};

struct Script {
	std::string name; // begins all of its keys
	std::vector<Step> steps;
	Ending ending = Ending::half_close;

	std::string bytes() const; // all it sends
};

struct ScriptOptions {
	unsigned bursts = 12; // at most; between them, replies are waited for
	std::size_t most = 100'000; // bytes of the largest values, which are rare
	std::chrono::microseconds think{0}; // at most, before a question that follows an answer
	bool resets = true; // some end with RST
	unsigned phases = 1; // of the test: the script is cut into as many parts
	// Some send what no server understands. That flushes all that is cached.
	bool unknown = false;
};

Script make_script(std::uint64_t seed, unsigned number, const ScriptOptions &options = {});

// The commands that store the shared keys.
std::vector<std::string> shared_items();

} // namespace prestack::test
