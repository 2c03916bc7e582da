// SPDX-License-Identifier: GPL-2.0-only
#include "text_protocol.hpp"

#include <charconv>
#include <cstdio>

namespace prestack::test
{

namespace
{

constexpr auto not_found = std::string_view::npos;

// The number in the `index`th blank-separated field of a line; 0 when there is none.
std::size_t number_in_field(std::string_view line, unsigned index)
{
	for (; index > 0; --index) {
		const auto blank = line.find(' ');
		if (blank == not_found)
			return 0;
		line.remove_prefix(blank + 1);
	}
	std::size_t value = 0;
	std::from_chars(line.data(), line.data() + line.size(), value);
	return value;
}

} // namespace

std::size_t reply_length(std::string_view stream)
{
	std::size_t position = 0;
	for (;;) {
		const auto newline = stream.find('\n', position);
		if (newline == not_found)
			return 0;
		const std::string_view line = stream.substr(position, newline - position);
		position = newline + 1;
		if (line.starts_with("VALUE ")) {
			position += number_in_field(line, 3) + 2;
		} else if (line.starts_with("VA ")) {
			position += number_in_field(line, 1) + 2;
			return position <= stream.size() ? position : 0;
		} else if (!line.starts_with("STAT ")) {
			return position;
		}
		if (position >= stream.size())
			return 0;
	}
}

bool holds_replies(std::string_view stream, unsigned count)
{
	while (count-- > 0) {
		const std::size_t length = reply_length(stream);
		if (length == 0)
			return false;
		stream.remove_prefix(length);
	}
	return stream.empty();
}

std::string store(std::string_view key, std::string_view value, unsigned flags,
		  std::string_view verb, long expiry)
{
	std::string command(verb);
	command.append(" ").append(key);
	command += " " + std::to_string(flags) + " " + std::to_string(expiry) + " " +
		   std::to_string(value.size()) + "\r\n";
	command.append(value).append("\r\n");
	return command;
}

std::string printable(std::string_view bytes, std::size_t limit)
{
	std::string text;
	for (const char each : bytes.substr(0, limit)) {
		if (each >= ' ' && each <= '~') {
			text += each;
		} else {
			char escaped[5];
			std::snprintf(escaped, sizeof(escaped), "\\x%02x",
				      static_cast<unsigned char>(each));
			text += escaped;
		}
	}
	if (bytes.size() > limit)
		text += "... (" + std::to_string(bytes.size()) + " bytes)";
	return text;
}

} // namespace prestack::test
