// SPDX-License-Identifier: GPL-2.0-only
#include "base/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace prestack
{
namespace
{

constexpr std::size_t v4_offset = 12;
constexpr unsigned v4_mapped_bits = 96;

template <typename Number>
std::optional<Number> whole_number(std::string_view text)
{
	Number number = 0;
	const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
	if (ec != std::errc{} || rest != text.data() + text.size()) {
		return std::nullopt;
	}
	return number;
}

IpAddress masked(IpAddress address, unsigned mapped_length)
{
	for (unsigned i = 0; i < address.bytes.size(); ++i) {
		const unsigned first_bit = i * 8;
		if (first_bit >= mapped_length) {
			address.bytes[i] = 0;
		} else if (mapped_length - first_bit < 8) {
			address.bytes[i] &= static_cast<std::uint8_t>(
				0xff << (8 - (mapped_length - first_bit)));
		}
	}
	return address;
}

} // namespace

bool IpAddress::is_wildcard() const
{
	const auto from = bytes.begin() + (family == IpFamily::v4 ? v4_offset : 0);
	return std::all_of(from, bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_link_local() const
{
	return family == IpFamily::v4 ? bytes[v4_offset] == 169 && bytes[v4_offset + 1] == 254
				      : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

unsigned IpPrefix::mapped_length() const
{
	return address.family == IpFamily::v4 ? v4_mapped_bits + length : length;
}

bool IpPrefix::contains(const IpAddress &other) const
{
	return masked(other, mapped_length()).bytes == address.bytes;
}

bool IpPrefix::covers_mapped_ipv4() const
{
	if (address.family == IpFamily::v4 || length > v4_mapped_bits) {
		return false;
	}
	IpAddress mapped;
	mapped.bytes[10] = mapped.bytes[11] = 0xff;
	return masked(mapped, length).bytes == address.bytes;
}

tl::expected<IpAddress, std::string> parse_address(std::string_view text)
{
	const std::string terminated(text);
	IpAddress address;
	if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data() + v4_offset) == 1) {
		address.bytes[10] = address.bytes[11] = 0xff;
		return address;
	}
	address.family = IpFamily::v6;
	if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
		return address;
	}
	return tl::unexpected(std::string("is not a numeric IPv4 or IPv6 address"));
}

tl::expected<IpPrefix, std::string> parse_prefix(std::string_view text)
{
	const auto slash = text.find('/');
	if (slash == std::string_view::npos) {
		return tl::unexpected(std::string(
			"has no prefix length; write for example \"10.0.0.0/8\", or /32 "
			"(/128 for IPv6) for one host"));
	}
	const auto address = parse_address(text.substr(0, slash));
	if (!address) {
		return tl::unexpected(address.error() +
				      " with a prefix length; write for example \"10.0.0.0/8\"");
	}
	const unsigned longest = address->family == IpFamily::v4 ? 32 : 128;
	const auto length = whole_number<unsigned>(text.substr(slash + 1));
	if (!length || *length > longest) {
		return tl::unexpected(
			fmt::format("has a prefix length that is not in 0..{}", longest));
	}
	IpPrefix prefix{*address, *length};
	const IpPrefix network{masked(*address, prefix.mapped_length()), *length};
	if (network != prefix) {
		return tl::unexpected(fmt::format(
			"has bits set after the prefix; write \"{}\" for the network, or \"{}/{}\" "
			"for the one host",
			to_string(network), to_string(*address), longest));
	}
	return prefix;
}

tl::expected<Endpoint, std::string> parse_endpoint(std::string_view text)
{
	constexpr std::string_view hint = "write \"10.0.0.1:7000\" or \"[fd00::1]:7000\"";
	const auto colon = text.rfind(':');
	if (colon == std::string_view::npos || colon == 0) {
		return tl::unexpected(fmt::format("is not address:port; {}", hint));
	}
	auto host = text.substr(0, colon);
	const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
	if (bracketed) {
		host = host.substr(1, host.size() - 2);
	}
	const auto address = parse_address(host);
	if (!address) {
		return tl::unexpected(
			fmt::format("{}, a colon and a port; {}", address.error(), hint));
	}
	if (bracketed != (address->family == IpFamily::v6)) {
		return tl::unexpected(
			fmt::format("puts the brackets wrong (IPv6 only, and always); {}", hint));
	}
	const auto port = whole_number<std::uint16_t>(text.substr(colon + 1));
	if (!port || *port == 0) {
		return tl::unexpected(std::string("has a port that is not in 1..65535"));
	}
	return Endpoint{*address, *port};
}

std::string to_string(const IpAddress &address)
{
	char text[INET6_ADDRSTRLEN] = {};
	if (address.family == IpFamily::v4) {
		inet_ntop(AF_INET, address.bytes.data() + v4_offset, text, sizeof text);
	} else {
		inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
	}
	return text;
}

std::string to_string(const IpPrefix &prefix)
{
	return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

std::string to_string(const Endpoint &endpoint)
{
	return endpoint.address.family == IpFamily::v4
		       ? fmt::format("{}:{}", to_string(endpoint.address), endpoint.port)
		       : fmt::format("[{}]:{}", to_string(endpoint.address), endpoint.port);
}

} // namespace prestack
