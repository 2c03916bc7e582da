// SPDX-License-Identifier: GPL-2.0-only
#include "icmp.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "frame.hpp"

namespace prestack::test
{

namespace
{

constexpr std::size_t ethernet = 14;
constexpr std::size_t icmp_header = 8;

std::string be16(unsigned value)
{
	return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string be32(std::uint32_t value)
{
	return be16(value >> 16) + be16(value & 0xffff);
}

std::uint32_t read32(std::string_view bytes, std::size_t at)
{
	std::uint32_t value = 0;
	std::memcpy(&value, bytes.substr(at, 4).data(), 4);
	return ntohl(value);
}

std::string address(const std::string &text)
{
	const bool v6 = text.find(':') != std::string::npos;
	std::string out(v6 ? 16 : 4, '\0');
	EXPECT_EQ(::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), out.data()), 1) << text;
	return out;
}

// The sum of the IPv6 pseudo header; nothing is in front of an ICMP message over IPv4.
std::uint16_t pseudo_sum(std::string_view addresses, std::size_t length)
{
	return ones_complement_sum(std::string(addresses) +
				   be32(static_cast<std::uint32_t>(length)) + be32(58));
}

} // namespace

std::string icmp_frame(const IcmpError &error, const Packet &packet)
{
	const bool v6 = packet.ipv6();
	const std::string quote = packet.bytes().substr(ethernet, error.most);
	std::string message =
		std::string{static_cast<char>(error.type), static_cast<char>(error.code)} +
		be16(0) + be32(error.word) + quote;
	const std::string addresses =
		address(error.sender) +
		address(error.receiver.empty() ? packet.source : error.receiver);
	const std::uint32_t front = v6 ? pseudo_sum(addresses, message.size()) : 0U;
	const auto check = static_cast<std::uint16_t>(~ones_complement_sum(message, front));
	message.replace(2, 2, be16(error.wrong_checksum ? check ^ 0x0400 : check));

	std::string frame = packet.source_mac + packet.destination_mac;
	if (v6)
		return frame + be16(0x86dd) + be32(0x60000000) +
		       be16(static_cast<unsigned>(message.size())) + be16(58 << 8 | 64) +
		       addresses + message;
	std::string ip = be16(0x4500) + be16(static_cast<unsigned>(20 + message.size())) + be32(0) +
			 be16(64 << 8 | 1) + be16(0) + addresses;
	ip.replace(10, 2, be16(static_cast<std::uint16_t>(~ones_complement_sum(ip))));
	return frame + be16(0x0800) + ip + message;
}

QuotedNumbers quoted_numbers(std::string_view frame)
{
	const std::string_view packet = frame.substr(ethernet);
	const bool v6 = (packet[0] >> 4 & 15) == 6;
	const std::size_t head = v6 ? 40 : 20;
	const std::string_view message = packet.substr(head);
	const std::uint32_t front = v6 ? pseudo_sum(packet.substr(8, 32), message.size()) : 0U;
	EXPECT_EQ(ones_complement_sum(message, front), 0xffff) << "ICMP checksum";
	QuotedNumbers out;
	out.sequence = read32(message, icmp_header + head + 4);
	if (message.size() >= icmp_header + head + 12)
		out.acknowledgement = read32(message, icmp_header + head + 8);
	return out;
}

} // namespace prestack::test
