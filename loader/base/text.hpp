// SPDX-License-Identifier: GPL-2.0-only
// Small pure text helpers: sizes, durations, suggestions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace prestack
{

// Parses "1048576", "64K", "64KiB", "64M", "64MiB", "1G", "1GiB": a whole number of bytes,
// or of powers of 1024. Errors: a sentence without the value, for the caller to prefix.
[[nodiscard]] tl::expected<std::uint64_t, std::string> parse_size(std::string_view text);

// Parses "250us", "100ms", "2s", "1m": a whole number and a unit.
[[nodiscard]] tl::expected<std::chrono::nanoseconds, std::string>
parse_duration(std::string_view text);

// "64MiB" style: the largest binary unit that divides `bytes` exactly is preferred; never
// loses precision, so that the printed form can be pasted back into the configuration.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

// "100ms" style: the largest unit of us, ms and s that divides `time` exactly. Never loses precision, but for
// what is below a microsecond, so that the printed form can be pasted back into the configuration.
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds time);

// The candidate nearest to `word` by edit distance, if it is near enough to be a typing
// error (at most a third of the word's length, and never more than 3).
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
						      std::span<const std::string_view> candidates);

// `"a", "b" or "c"`; an empty list gives an empty string.
[[nodiscard]] std::string quoted_list(std::span<const std::string_view> words);

} // namespace prestack
