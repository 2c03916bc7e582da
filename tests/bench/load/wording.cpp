// SPDX-License-Identifier: GPL-2.0-only
#include "wording.hpp"

#include <iterator>

#include <fmt/format.h>

namespace prestack::load
{
namespace
{

class Memcached : public Wording
{
public:
	void set(std::string &out, std::string_view key, std::uint32_t flags,
		 std::string_view value) const override
	{
		fmt::format_to(std::back_inserter(out), "set {} {} 0 {}\r\n", key, flags,
			       value.size());
		out.append(value).append("\r\n");
	}
	void get(std::string &out, std::string_view key) const override
	{
		out.append("get ").append(key).append("\r\n");
	}
	[[nodiscard]] std::string head(std::string_view key, std::uint32_t flags,
				       std::size_t size) const override
	{
		return fmt::format("VALUE {} {} {}\r\n", key, flags, size);
	}
	[[nodiscard]] std::string_view end() const override { return "\r\nEND\r\n"; }
	[[nodiscard]] std::string_view none() const override { return "END\r\n"; }
	[[nodiscard]] std::string_view stored() const override { return "STORED\r\n"; }
};

// Flags it does not have.
class Redis : public Wording
{
public:
	void set(std::string &out, std::string_view key, std::uint32_t /*flags*/,
		 std::string_view value) const override
	{
		fmt::format_to(std::back_inserter(out), "*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n",
			       key.size(), key, value.size());
		out.append(value).append("\r\n");
	}
	void get(std::string &out, std::string_view key) const override
	{
		fmt::format_to(std::back_inserter(out), "*2\r\n$3\r\nGET\r\n${}\r\n{}\r\n",
			       key.size(), key);
	}
	[[nodiscard]] std::string head(std::string_view /*key*/, std::uint32_t /*flags*/,
				       std::size_t size) const override
	{
		return fmt::format("${}\r\n", size);
	}
	[[nodiscard]] std::string_view end() const override { return "\r\n"; }
	[[nodiscard]] std::string_view none() const override { return "$-1\r\n"; }
	[[nodiscard]] std::string_view stored() const override { return "+OK\r\n"; }
};

} // namespace

const Wording &wording_of(Protocol protocol)
{
	static const Memcached memcached;
	static const Redis redis;
	if (protocol == Protocol::redis) {
		return redis;
	}
	return memcached;
}

} // namespace prestack::load
