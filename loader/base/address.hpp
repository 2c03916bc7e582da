// SPDX-License-Identifier: GPL-2.0-only
// IP addresses, prefixes and endpoints as the configuration writes them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace prestack
{

enum class IpFamily : std::uint8_t { v4, v6 };

struct IpAddress {
	IpFamily family = IpFamily::v4;
	// Network byte order; an IPv4 address is held as its IPv4-mapped IPv6 form (::ffff:a.b.c.d),
	// so that both families compare, and match prefixes, in the same way.
	std::array<std::uint8_t, 16> bytes{};

	[[nodiscard]] bool is_wildcard() const; // 0.0.0.0 or ::
	// fe80::/10 or 169.254.0.0/16: tells hosts apart on one link only.
	[[nodiscard]] bool is_link_local() const;
	friend bool operator==(const IpAddress &, const IpAddress &) = default;
};

// The bits after `length` are zero: parse_prefix refuses anything else.
struct IpPrefix {
	IpAddress address;
	unsigned length = 0; // in bits of the written family: 0..32 or 0..128

	// Length in bits of the IPv4-mapped form: 96..128 for IPv4.
	[[nodiscard]] unsigned mapped_length() const;
	[[nodiscard]] bool contains(const IpAddress &other) const;
	// Whether this is an IPv6 prefix that contains ::ffff:0:0/96, and so, as addresses are compared
	// here, all of IPv4.
	[[nodiscard]] bool covers_mapped_ipv4() const;
	friend bool operator==(const IpPrefix &, const IpPrefix &) = default;
	friend bool operator<(const IpPrefix &one, const IpPrefix &other)
	{
		return std::pair(one.address.bytes, one.mapped_length()) <
		       std::pair(other.address.bytes, other.mapped_length());
	}
};

struct Endpoint {
	IpAddress address;
	std::uint16_t port = 0; // host byte order
	friend bool operator==(const Endpoint &, const Endpoint &) = default;
};

// Errors are sentences without the value, for the caller to prefix.
[[nodiscard]] tl::expected<IpAddress, std::string> parse_address(std::string_view text);
[[nodiscard]] tl::expected<IpPrefix, std::string> parse_prefix(std::string_view text);
[[nodiscard]] tl::expected<Endpoint, std::string> parse_endpoint(std::string_view text);

[[nodiscard]] std::string to_string(const IpAddress &address);
[[nodiscard]] std::string to_string(const IpPrefix &prefix);
[[nodiscard]] std::string to_string(const Endpoint &endpoint);

} // namespace prestack
