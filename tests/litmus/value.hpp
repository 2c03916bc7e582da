// SPDX-License-Identifier: GPL-2.0-only
// What keys hold: values that tell which write made them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "history.hpp"

namespace prestack::test
{

enum class KeyKind : std::uint8_t {
	text, // a value is a version's number, padded
	appended, // a text, and the numbers of the versions that were appended to it
	prepended,
	counter, // a value is its own version, and a multiple of counter_unit
	mortal, // a text that lives a few seconds; nothing prolongs its life
};

KeyKind kind_of(std::uint32_t key);
std::string key_name(std::uint32_t key);
std::string base64_key_name(std::uint32_t key);

// The version as 20 digits, then padding whose length and bytes follow from it: less than 100 bytes
// for one half of the versions, up to 1000 for the other.
std::string value_of(std::uint64_t version);
// What is added to an `appended` or `prepended` key.
std::string addition_of(KeyKind kind, std::uint64_t version);
// The version of the write that made this value; garbage_version if no write makes such a value.
std::uint64_t version_of(KeyKind kind, std::string_view value);

// Torn or mixed digits are hardly ever a multiple of it.
inline constexpr std::uint64_t counter_unit = 1'009;

// The version in the reply to a read of one key: by `get` and its like, `mg ... v`, or `gat`.
// nullopt if it is no such reply.
std::optional<std::uint64_t> version_in(std::uint32_t key, std::string_view reply);

} // namespace prestack::test
