// SPDX-License-Identifier: GPL-2.0-only
// DNS messages for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace dns
{

using namespace std::string_view_literals;

inline constexpr std::uint16_t recursion = 0x0100;
inline constexpr std::uint16_t authoritative = 0x8400; // a response

inline std::string word(unsigned value)
{
	return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string header(unsigned id, unsigned flags, unsigned answers = 0, unsigned extra = 0)
{
	return word(id) + word(flags) + word(1) + word(answers) + word(0) + word(extra);
}

// The text in labels of at most 63 bytes, whatever it holds; a dot ends none.
inline std::string name(std::string_view text)
{
	std::string out;
	for (std::size_t at = 0; at < text.size(); at += 63) {
		const std::string_view label = text.substr(at, 63);
		out += static_cast<char>(label.size());
		out += label;
	}
	return out + '\0';
}

inline std::string question(std::string_view text, unsigned type = 16, unsigned klass = 1)
{
	return name(text) + word(type) + word(klass);
}

// EDNS; `options` as they stand in it.
inline std::string opt(unsigned size = 1232, unsigned flags = 0, const std::string &options = "")
{
	return '\0' + word(41) + word(size) + word(0) + word(flags) +
	       word(static_cast<unsigned>(options.size())) + options;
}

inline std::string query(unsigned id, std::string_view text, unsigned flags = recursion)
{
	return header(id, flags) + question(text);
}

inline std::string query_edns(unsigned id, std::string_view text, const std::string &record)
{
	return header(id, recursion, 0, 1) + question(text) + record;
}

// A TXT record whose text is `value`, of the name in the question.
inline std::string record(std::string_view value)
{
	std::string data;
	do {
		const std::string_view part = value.substr(0, 255);
		data += static_cast<char>(part.size());
		data += part;
		value.remove_prefix(part.size());
	} while (!value.empty());
	return word(0xc00c) + word(16) + word(1) + word(0) + word(3600) +
	       word(static_cast<unsigned>(data.size())) + data;
}

inline std::string reply(unsigned id, std::string_view text, std::string_view value,
			 unsigned flags = authoritative | recursion)
{
	return header(id, flags, 1) + question(text) + record(value);
}

} // namespace dns
