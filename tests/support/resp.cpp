// SPDX-License-Identifier: GPL-2.0-only
#include "resp.hpp"

#include <charconv>
#include <stdexcept>

#include "process.hpp"
#include "text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr auto not_found = std::string_view::npos;

} // namespace

std::string resp(const std::vector<std::string> &words)
{
	std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
	for (const std::string &word : words)
		bytes += resp_bulk(word);
	return bytes;
}

std::string resp_line(const std::string &line)
{
	return resp(words(line));
}

std::string resp_bulk(std::string_view value)
{
	std::string bytes = "$" + std::to_string(value.size()) + "\r\n";
	return bytes.append(value).append("\r\n");
}

std::size_t resp_reply_length(std::string_view stream)
{
	std::size_t at = 0;
	// Nested values need no stack: it is enough to know how many are still to come.
	for (long to_come = 1; to_come > 0; --to_come) {
		const auto line_end = stream.find("\r\n", at);
		if (line_end == not_found)
			return 0;
		const char type = stream[at];
		long count = 0;
		std::from_chars(stream.data() + at + 1, stream.data() + line_end, count);
		at = line_end + 2;
		switch (type) {
		case '$':
		case '=':
		case '!':
			if (count >= 0)
				at += static_cast<std::size_t>(count) + 2;
			break;
		case '*':
		case '~':
		case '>':
			to_come += count > 0 ? count : 0;
			break;
		case '%':
			to_come += 2 * count;
			break;
		case '|': // an attribute: what it belongs to follows
			to_come += 2 * count + 1;
			break;
		case '+':
		case '-':
		case ':':
		case '_':
		case ',':
		case '#':
		case '(':
			break;
		default:
			throw std::runtime_error("no RESP: " + printable(stream));
		}
		if (at > stream.size())
			return 0;
	}
	return at;
}

} // namespace prestack::test
