// SPDX-License-Identifier: GPL-2.0-only
// How gets, sets and their answers are worded, in each protocol that is spoken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prestack::load
{

enum class Protocol : std::uint8_t { memcached, redis };

// Immutable: safe from any thread.
class Wording
{
public:
	virtual ~Wording() = default;

	// Appended to `out`.
	virtual void set(std::string &out, std::string_view key, std::uint32_t flags,
			 std::string_view value) const = 0;
	virtual void get(std::string &out, std::string_view key) const = 0;
	// What stands before and after the value in the answer to a get.
	[[nodiscard]] virtual std::string head(std::string_view key, std::uint32_t flags,
					       std::size_t size) const = 0;
	[[nodiscard]] virtual std::string_view end() const = 0;
	// The answer to a get of a key that is not there, and to a set.
	[[nodiscard]] virtual std::string_view none() const = 0;
	[[nodiscard]] virtual std::string_view stored() const = 0;
};

[[nodiscard]] const Wording &wording_of(Protocol protocol);

} // namespace prestack::load
