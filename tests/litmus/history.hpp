// SPDX-License-Identifier: GPL-2.0-only
// Checks a recorded run of concurrent clients: was any answer older than what had been acknowledged,
// or seen, before it was asked for?
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace prestack::test
{

enum class OperationKind : std::uint8_t { read, write };

// The version of a key that is not there: what a deletion writes and a miss reads.
inline constexpr std::uint64_t absent_version = 0;
// A version that no write has: what a reader records for a value that is damaged.
inline constexpr std::uint64_t garbage_version = std::numeric_limits<std::uint64_t>::max();
// What a write has whose result is not known (a counter that was changed without a reply).
inline constexpr std::uint64_t unknown_version = garbage_version - 1;

// The end of a write whose acknowledgement never came.
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t always = std::numeric_limits<std::int64_t>::min();

struct Operation {
	std::uint32_t client = 0;
	OperationKind kind = OperationKind::read;
	std::uint32_t key = 0;
	std::uint64_t version = absent_version;
	std::int64_t start = 0; // before the request was sent, ns
	std::int64_t end = 0; // after its reply arrived, ns; `never`

	// Writes only.
	// The last moment at which it may take effect, perhaps once more (a datagram that was doubled
	// on its way), if that is not `end`.
	std::int64_t until = always;
	bool certain = true; // at `end` it has taken effect; else it may have been refused
	std::int64_t replaces_before = never; // only versions that were there before; else `start`
	std::int64_t lives_until = never; // a read that begins later must not see it any more
	bool by_restart = false; // the server's end deleted it
	// prestack did not see it pass, and heard of it by `end`: until then it makes nothing old.
	bool heard_late = false;
	const char *how = ""; // for messages

	bool took_effect() const { return certain && end != never; }
	std::int64_t last_effect() const { return until == always ? end : until; }
	// A read that begins by then may still have been answered with what was there before.
	std::int64_t last_unseen() const { return heard_late ? end : last_effect(); }
	std::int64_t replaces_from() const
	{
		return replaces_before < start ? replaces_before : start;
	}
};

struct Violation {
	enum class Why { stale, backwards, expired, from_the_future, never_written };
	Why why;
	Operation read;
	Operation written{}; // what was read
	// What had replaced it before the read began: an acknowledged write, or (backwards) another
	// read that had seen a newer version.
	Operation newer{};
};

// The operations involved, one per line, with times relative to the first.
std::string describe(const Violation &violation);

struct HistoryOptions {
	// A version that nobody knows to have taken effect within this time of its write's start
	// makes no other version old by being seen, until its write is acknowledged.
	std::chrono::nanoseconds seen_within = std::chrono::nanoseconds::max();
};

// Every read that no atomic store could have given:
//
// - never_written, from_the_future: nobody wrote this, or nobody yet;
// - stale: a write that began after the last moment at which what was read could take effect had been
//   acknowledged before the read was sent;
// - backwards: another read, over before this one was sent, had seen another version, and what was
//   read here could only take effect before that;
// - expired: it was read after its time.
//
// Writes of one key may overlap. All versions but absent_version and unknown_version are written
// once; every key is absent at first. A read that is wrong makes no other read wrong.
std::vector<Violation> find_violations(const std::vector<Operation> &history,
				       const HistoryOptions &options = {});

} // namespace prestack::test
