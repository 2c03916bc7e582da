// SPDX-License-Identifier: GPL-2.0-only
// What a test has to know of memcached's text protocol: where one reply ends.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace prestack::test
{

// Length of the first complete reply in `stream`, 0 while it is incomplete. A reply is one line,
// or VALUE blocks up to END, or STAT lines up to END, or one VA line with its data.
std::size_t reply_length(std::string_view stream);

// Whether `stream` holds `count` complete replies and nothing else.
bool holds_replies(std::string_view stream, unsigned count);

// "set <key> <flags> <expiry> <bytes>\r\n<value>\r\n"; `verb` may be any storage command without cas.
std::string store(std::string_view key, std::string_view value, unsigned flags = 0,
		  std::string_view verb = "set", long expiry = 0);

// Printable form of bytes, for messages.
std::string printable(std::string_view bytes, std::size_t limit = 200);

} // namespace prestack::test
