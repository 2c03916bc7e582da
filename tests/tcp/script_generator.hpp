// SPDX-License-Identifier: GPL-2.0-only
// Generates scripts: how often what is said, in which pieces, and when replies are waited for. What can be
// said is the protocol's, so that is left to who derives from this.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "script.hpp"

namespace prestack::test
{

class ScriptGenerator
{
public:
	ScriptGenerator(std::uint64_t seed, unsigned number, const ScriptOptions &options);
	virtual ~ScriptGenerator() = default;

	Script write();

protected:
	struct Command {
		std::string bytes;
		unsigned replies = 1;
	};

	std::uint64_t below(std::uint64_t n)
	{
		return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
	}
	bool one_in(std::uint64_t n) { return below(n) == 0; }
	template <typename Table>
	auto pick(const Table &table)
	{
		return table[below(std::size(table))];
	}

	const ScriptOptions &options() const { return options_; }
	const std::string &name() const { return name_; }
	// The script's own keys, of which one may be the longest that is served; sometimes another, which is not there.
	const std::vector<std::string> &keys() const { return keys_; }
	std::string key();
	// One of those, or a shared one.
	std::string any_key();
	// Any bytes, and some of these that look like the protocol.
	std::string value(const std::vector<std::string> &lookalikes);

private:
	// Stores keys()[0].
	virtual Command first() = 0;
	virtual Command read() = 0;
	// A read of one key, in its simplest form.
	virtual Command simple_read() = 0;
	virtual Command change() = 0;
	// What no server understands, or what flushes all that is cached: see ScriptOptions.
	virtual Command odd() = 0;
	// Makes the server close.
	virtual Command closing_command() = 0;
	virtual Ending usual_ending() const { return Ending::half_close; }

	std::vector<Command> some_commands();
	void read_again_and_again();
	void burst(const std::vector<Command> &commands);
	std::chrono::microseconds at_most(std::chrono::microseconds time);
	void settle();
	void cut(const std::string &bytes);

	const ScriptOptions options_;
	const std::string name_;
	std::mt19937_64 random_;
	std::vector<std::string> keys_;
	Script script_;
	unsigned replies_ = 0;
};

inline constexpr unsigned shared_keys = 40;
std::string shared_key(std::uint64_t number);
// The value of a shared key, always the same.
std::string shared_value(std::mt19937_64 &random);

} // namespace prestack::test
