// SPDX-License-Identifier: GPL-2.0-only
// Streams of commands from memcached's grammar, and with faults in them, from a seed.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace prestack::memcached
{

class CommandGenerator
{
public:
	explicit CommandGenerator(std::uint64_t seed) : random_(seed) {}

	// The keys that commands name: one that means something elsewhere, and the longest.
	static const std::array<std::string, 5> &keys();

	// One to four commands, at most PS_IN_SIZE bytes. Data blocks are commands themselves, of
	// just the length announced: should the server not take them for data, it executes them.
	std::string stream();
	// The same of the binary protocol, most with lengths that are right, sent to no end of the data.
	std::string binary_stream();

private:
	std::string command();
	std::string binary_command();
	std::string storage(std::string_view verb);
	std::string meta(std::string_view verb);
	std::string arguments(std::string_view verb);
	std::string with_data(std::string line, std::size_t length_token, const std::string &data);
	std::string mutate(std::string line);
	std::string key();
	std::string number();
	std::string line_end();
	std::string small_write();

	std::uint64_t below(std::uint64_t n)
	{
		return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
	}
	bool one_in(std::uint64_t n) { return below(n) == 0; }
	template <typename Table>
	std::string pick(const Table &table)
	{
		return std::string(table[below(std::size(table))]);
	}

	std::mt19937_64 random_;
};

} // namespace prestack::memcached
