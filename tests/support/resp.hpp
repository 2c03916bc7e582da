// SPDX-License-Identifier: GPL-2.0-only
// What a test has to know of Redis' protocol, RESP 2 and 3.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace prestack::test
{

// A command as an array of bulk strings.
std::string resp(const std::vector<std::string> &words);
// The same of words between blanks: resp_line("SET k v").
std::string resp_line(const std::string &line);
// The reply that is a bulk string.
std::string resp_bulk(std::string_view value);

// Length of the first complete reply in a stream, with all that is nested in it; 0 while it is incomplete.
// A push is a reply too. For TcpClient::receive(). Throws at what is no RESP.
std::size_t resp_reply_length(std::string_view stream);

} // namespace prestack::test
