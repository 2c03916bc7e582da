// SPDX-License-Identifier: GPL-2.0-only
// The elements of RESP 2 and 3, for the agent's codec. Internal to it.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace prestack
{
namespace
{

constexpr std::size_t longest_line = 4096;
constexpr std::int64_t longest_bulk = std::int64_t{1} << 40; // more is nonsense
constexpr std::string_view line_end = "\r\n";

std::optional<std::int64_t> number(std::string_view text)
{
	std::int64_t value = 0;
	const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (problem != std::errc{} || rest != text.data() + text.size()) {
		return std::nullopt;
	}
	return value;
}

// One element of the protocol: a line, whose first byte is its type, and what belongs to that.
struct Element {
	enum class Status { incomplete, whole, broken };
	Status status = Status::incomplete;
	char type = 0;
	std::string_view text; // of the line, without type and end
	std::size_t head = 0; // bytes of the line
	std::size_t bulk = 0; // bytes of text after it, without their CRLF
	bool has_bulk = false;
	std::uint64_t elements = 0; // that are in it, as elements of their own
	bool null = false;

	// With the bulk; may be beyond the input.
	[[nodiscard]] std::size_t size() const
	{
		return head + (has_bulk ? bulk + line_end.size() : 0);
	}
	// The bulk, if all of it is in the input that this was read from.
	[[nodiscard]] std::optional<std::string_view> bulk_in(std::string_view input) const
	{
		return has_bulk && input.size() >= size() ? std::optional(input.substr(head, bulk))
							  : std::nullopt;
	}
	[[nodiscard]] bool ends_well(std::string_view input) const
	{
		return input.substr(head + bulk, line_end.size()) == line_end;
	}
};

Element read_element(std::string_view input)
{
	Element element;
	const auto end = input.substr(0, longest_line).find(line_end);
	if (end == std::string_view::npos) {
		element.status = input.size() < longest_line ? Element::Status::incomplete
							     : Element::Status::broken;
		return element;
	}
	element.status = Element::Status::broken;
	if (end == 0) {
		return element;
	}
	element.type = input.front();
	element.text = input.substr(1, end - 1);
	element.head = end + line_end.size();
	constexpr std::string_view scalars = "+-:_,#(";
	constexpr std::string_view bulks = "$!=";
	constexpr std::string_view aggregates = "*~>%|";
	if (scalars.find(element.type) != std::string_view::npos) {
		element.null = element.type == '_';
		element.status = Element::Status::whole;
		return element;
	}
	const auto count = number(element.text);
	if (!count || *count < -1 || *count > longest_bulk) {
		return element;
	}
	element.null = *count == -1;
	const auto length = static_cast<std::uint64_t>(std::max(*count, std::int64_t{0}));
	if (bulks.find(element.type) != std::string_view::npos) {
		element.has_bulk = !element.null;
		element.bulk = length;
		element.status = Element::Status::whole;
	} else if (aggregates.find(element.type) != std::string_view::npos) {
		const bool pairs = element.type == '%' || element.type == '|';
		// An attribute comes before the value that it belongs to.
		element.elements = (pairs ? 2 * length : length) + (element.type == '|' ? 1 : 0);
		element.status = Element::Status::whole;
	}
	return element;
}

} // namespace
} // namespace prestack
