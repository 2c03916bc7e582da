// SPDX-License-Identifier: GPL-2.0-only
// Write commands, and memcached's of every kind.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "history.hpp"

namespace prestack::test
{

enum class Effect : std::uint8_t {
	none, // the value stays
	store, // of `version`
	erase,
	count, // the reply tells the version
	erase_all,
	shorten, // what is there lives no longer than `lives`
};

// What is sent at once to change a key.
struct Command {
	std::string bytes{};
	unsigned replies = 1; // of which the last one tells
	std::uint32_t key = 0;
	Effect effect = Effect::none;
	std::uint64_t version = absent_version;
	std::string done{}; // how the reply begins if it did what it says
	bool replied =
		true; // false: `noreply`, or quiet, and nothing at all is answered if it is done
	bool conditional = false; // may be refused: nothing is changed then
	std::chrono::milliseconds lives{0}; // 0: for ever
	// Other keys that it changes as well, and to what.
	std::vector<std::pair<std::uint32_t, std::uint64_t>> more{};
	const char *how = "";
};

// A command with this effect on `key`. `version` is what it stores, if it stores anything.
Command make_command(std::uint32_t key, std::uint64_t version, std::string bytes, Effect effect,
		     std::string done, const char *how);

struct CommandOptions {
	bool quiet = true; // quiet commands too
	bool base64 = true; // and keys in base64
	bool flush = false; // flush_all
};

// Any command that changes this key. What it stores has this version, but for counters.
Command any_command(std::mt19937 &random, std::uint32_t key, std::uint64_t version,
		    const CommandOptions &options);
// Stores `version` by cas with this unique number.
Command compare_and_store(std::uint32_t key, std::uint64_t version, std::string_view unique);
// Stores what its kind holds.
Command plain_set(std::mt19937 &random, std::uint32_t key, std::uint64_t version);

// Quiet commands carry this in their flags, so that a reply to one (when it is refused) is known.
inline constexpr std::string_view quiet_mark = " Oquiet";

// What a reply to `command` says: the version that is there now, or nullopt if nothing was changed.
std::optional<std::uint64_t> version_after(const Command &command, std::string_view reply);

} // namespace prestack::test
