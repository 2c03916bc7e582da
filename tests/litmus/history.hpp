// SPDX-License-Identifier: GPL-2.0-only
// Judges a recorded run of concurrent clients: was any answer older than a write that had already
// been acknowledged?
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
// The end of a write whose acknowledgement never came: it may take effect at any time.
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

struct Operation {
	std::uint32_t client = 0;
	OperationKind kind = OperationKind::read;
	std::uint32_t key = 0;
	std::uint64_t version = absent_version;
	std::int64_t start = 0; // before the request was sent, ns
	std::int64_t end = 0; // after its reply arrived, ns
	bool by_restart = false; // the server's end deleted it; `patience` does not apply
};

struct Violation {
	enum class Why { stale, from_the_future, never_written };
	Why why;
	Operation read;
	Operation written{}; // what was read
	Operation newer{}; // the write that had replaced it before the read began
};

std::string describe(const Violation &violation);

// Every read that no atomic store could have given. Writes of one key may overlap: what a read
// returns is stale if a write that began after that version was acknowledged had itself been
// acknowledged before the read was sent. All versions but absent_version are written once; every key is
// absent at first.
//
// Writes that took longer than `patience` replace nothing (but are good to read): prestack promises
// nothing about a write that the server carries out later than `cache.settle` after it arrived.
std::vector<Violation> judge(const std::vector<Operation> &history,
			     std::chrono::nanoseconds patience = std::chrono::nanoseconds::max());

} // namespace prestack::test
