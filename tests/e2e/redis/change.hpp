// SPDX-License-Identifier: GPL-2.0-only
// Commands that can change or delete a string, as data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "redis_testbed.hpp"

namespace prestack::test
{

using Words = std::vector<std::string>;

struct RedisChange {
	std::string name;
	// Separated by "; ", words by blanks; '...' is one word. {k} is the key, {o} and {p} are others,
	// {dump} is what DUMP tells of {o}, {sha} the hash of the script that sets a key to "new".
	std::string commands;
	std::string prepare{}; // before, once the key has its initial value
	bool shows = true; // a GET afterwards answers otherwise than before
	std::string initial = "old-value";

	std::vector<Words> all(RedisTestbed &testbed, const std::string &key) const;
	std::vector<Words> all_to_prepare(RedisTestbed &testbed, const std::string &key) const;
	// Has transactions of its own, or cannot be in one.
	bool fits_in_multi() const;
};

// Those whose key is written by name, those that write it in a roundabout way.
const std::vector<RedisChange> &plain_changes();
const std::vector<RedisChange> &other_changes();
std::vector<RedisChange> every_redis_change();

// As a line that Redis takes as a command, with all that is not plain in quotes.
std::string inline_command(const Words &words);

} // namespace prestack::test
