// SPDX-License-Identifier: GPL-2.0-only
// Messages of the binary protocol.
#pragma once

#include <cstdint>
#include <string>

namespace prestack::memcached
{

inline std::string binary_message(int magic, int opcode, int status, const std::string &extras,
				  const std::string &key, const std::string &value,
				  std::uint64_t cas = 0)
{
	const std::size_t body = extras.size() + key.size() + value.size();
	std::string out;
	const auto append = [&out](std::uint64_t number, int bytes) {
		while (bytes-- > 0)
			out += static_cast<char>(number >> (8 * bytes));
	};
	append(static_cast<unsigned>(magic), 1);
	append(static_cast<unsigned>(opcode), 1);
	append(key.size(), 2);
	append(extras.size(), 1);
	append(0, 1);
	append(static_cast<unsigned>(status), 2);
	append(body, 4);
	append(0x01020304, 4);
	append(cas, 8);
	return out + extras + key + value;
}

inline std::string binary_request(int opcode, const std::string &extras, const std::string &key,
				  const std::string &value, std::uint64_t cas = 0)
{
	return binary_message(0x80, opcode, 0, extras, key, value, cas);
}

inline std::string binary_reply(int opcode, int status, const std::string &extras,
				const std::string &key, const std::string &value)
{
	return binary_message(0x81, opcode, status, extras, key, value);
}

} // namespace prestack::memcached
