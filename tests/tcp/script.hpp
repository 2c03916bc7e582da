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
	late_half_close, // the same once all replies are there
	quit, // the server closes
	close,
	reset,
};

struct Script {
	std::string name; // begins all of its keys
	std::string opening{}; // sent first; its one reply is not the same twice, and not compared
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
	// Some send what no server understands, or what may change any key: all that is cached is flushed.
	bool unknown = false;
};

} // namespace prestack::test
