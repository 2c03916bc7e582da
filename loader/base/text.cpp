// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <vector>

#include <fmt/format.h>

namespace prestack
{
namespace
{

struct Unit {
	std::string_view name;
	std::uint64_t factor;
};

constexpr std::uint64_t kib = 1024;
constexpr std::array size_units{
	Unit{"", 1},
	Unit{"K", kib},
	Unit{"KiB", kib},
	Unit{"M", kib *kib},
	Unit{"MiB", kib *kib},
	Unit{"G", kib *kib *kib},
	Unit{"GiB", kib *kib *kib},
};
constexpr std::array duration_units{
	Unit{"us", 1'000},
	Unit{"ms", 1'000'000},
	Unit{"s", 1'000'000'000},
	Unit{"m", 60'000'000'000},
};

tl::expected<std::uint64_t, std::string> parse_with_unit(std::string_view text,
							 std::span<const Unit> units,
							 std::uint64_t limit, std::string_view hint)
{
	std::uint64_t number = 0;
	const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
	if (ec == std::errc::result_out_of_range) {
		return tl::unexpected(std::string("the number is too large"));
	}
	if (ec != std::errc{}) {
		return tl::unexpected(fmt::format("does not start with a whole number; {}", hint));
	}
	std::string_view suffix(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
	while (suffix.starts_with(' ')) {
		suffix.remove_prefix(1);
	}
	const auto unit = std::ranges::find(units, suffix, &Unit::name);
	if (unit == units.end()) {
		return tl::unexpected(
			suffix.empty()
				? fmt::format("has no unit; {}", hint)
				: fmt::format("has the unknown unit \"{}\"; {}", suffix, hint));
	}
	if (number > limit / unit->factor) {
		return tl::unexpected(std::string("the number is too large"));
	}
	return number * unit->factor;
}

} // namespace

tl::expected<std::uint64_t, std::string> parse_size(std::string_view text)
{
	return parse_with_unit(
		text, size_units, std::numeric_limits<std::int64_t>::max(),
		"write bytes, or K, M, G (the same as KiB, MiB, GiB), for example \"64MiB\"");
}

tl::expected<std::chrono::nanoseconds, std::string> parse_duration(std::string_view text)
{
	return parse_with_unit(text, duration_units, std::numeric_limits<std::int64_t>::max(),
			       "write a whole number and us, ms, s or m, for example \"100ms\"")
		.map([](std::uint64_t ns) {
			return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
		});
}

std::string format_size(std::uint64_t bytes)
{
	constexpr std::array names{"", "KiB", "MiB", "GiB"};
	std::size_t unit = 0;
	while (unit + 1 < names.size() && bytes != 0 && bytes % kib == 0) {
		bytes /= kib;
		++unit;
	}
	return fmt::format("{}{}", bytes, names[unit]);
}

std::string format_duration(std::chrono::nanoseconds time)
{
	using namespace std::chrono_literals;
	if (time % 1s == 0s) {
		return fmt::format("{}s", time / 1s);
	}
	return time % 1ms == 0s ? fmt::format("{}ms", time / 1ms) : fmt::format("{}us", time / 1us);
}

namespace
{

// Optimal string alignment: like Levenshtein, but two neighbours swapped count as one slip.
std::size_t edit_distance(std::string_view a, std::string_view b)
{
	std::vector<std::vector<std::size_t>> cost(a.size() + 1,
						   std::vector<std::size_t>(b.size() + 1));
	for (std::size_t i = 0; i <= a.size(); ++i) {
		for (std::size_t j = 0; j <= b.size(); ++j) {
			if (i == 0 || j == 0) {
				cost[i][j] = i + j;
				continue;
			}
			const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
			cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
					       cost[i - 1][j - 1] + change});
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
			}
		}
	}
	return cost[a.size()][b.size()];
}

} // namespace

std::optional<std::string_view> nearest(std::string_view word,
					std::span<const std::string_view> candidates)
{
	constexpr std::size_t most_slips = 3;
	constexpr std::size_t longest_word = 64; // bounds the quadratic cost on hostile input
	if (word.size() > longest_word) {
		return std::nullopt;
	}
	std::optional<std::string_view> best;
	std::size_t best_distance =
		std::min(most_slips, std::max<std::size_t>(1, word.size() / 3)) + 1;
	for (const auto candidate : candidates) {
		const auto distance = edit_distance(word, candidate);
		if (distance < best_distance) {
			best = candidate;
			best_distance = distance;
		}
	}
	return best;
}

std::string quoted_list(std::span<const std::string_view> words)
{
	std::string list;
	for (std::size_t i = 0; i < words.size(); ++i) {
		if (i != 0) {
			list += i + 1 == words.size() ? " or " : ", ";
		}
		list += fmt::format("\"{}\"", words[i]);
	}
	return list;
}

} // namespace prestack
