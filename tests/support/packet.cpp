// SPDX-License-Identifier: GPL-2.0-only
#include "packet.hpp"

#include <arpa/inet.h>

#include <stdexcept>
#include <utility>

#include "frame.hpp"

namespace prestack::test
{

namespace
{

constexpr std::uint8_t ip6_fragment = 44;

std::string be16(unsigned value)
{
	return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string be32(std::uint32_t value)
{
	return be16(value >> 16) + be16(value);
}

std::string address(const std::string &text)
{
	const bool v6 = text.find(':') != std::string::npos;
	std::string out(v6 ? 16 : 4, '\0');
	if (::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), out.data()) != 1)
		throw std::invalid_argument("not an address: " + text);
	return out;
}

void put_checksum(std::string &bytes, std::size_t at, std::uint16_t value)
{
	bytes.replace(at, 2, be16(value));
}

// The UDP or TCP header with the payload; checksum still zero.
std::string transport_part(const Packet &packet)
{
	std::string out = be16(packet.source_port) + be16(packet.destination_port);
	if (packet.transport == Transport::udp) {
		const auto length = static_cast<std::uint16_t>(8 + packet.payload.size());
		return out + be16(packet.udp_length.value_or(length)) + be16(0) + packet.payload;
	}
	std::string options = packet.tcp_options;
	options.resize((options.size() + 3) / 4 * 4, '\0');
	const auto words = static_cast<std::uint8_t>(5 + options.size() / 4);
	out += be32(packet.tcp_sequence) + be32(packet.tcp_acknowledgement);
	out += be16(static_cast<unsigned>(packet.tcp_header_words.value_or(words)) << 12 |
		    packet.tcp_flags);
	return out + be16(packet.tcp_window) + be16(0) + be16(0) + options + packet.payload;
}

std::string with_checksum(const Packet &packet)
{
	std::string out = transport_part(packet);
	const std::size_t at = packet.transport == Transport::udp ? 6 : 16;
	const std::string pseudo = address(packet.source) + address(packet.destination) +
				   be32(static_cast<std::uint32_t>(out.size())) +
				   be32(static_cast<std::uint32_t>(packet.transport));
	if (packet.checksum == Checksum::zero)
		return out;
	if (packet.checksum == Checksum::partial) {
		put_checksum(out, at, ones_complement_sum(pseudo));
		return out;
	}
	auto sum =
		static_cast<std::uint16_t>(~ones_complement_sum(out, ones_complement_sum(pseudo)));
	if (sum == 0)
		sum = 0xffff; // 0 would mean "none" in UDP
	put_checksum(out, at, packet.checksum == Checksum::wrong ? sum ^ 0x0400 : sum);
	return out;
}

std::string ipv4(const Packet &packet, const std::string &body)
{
	std::string options = packet.ip_options;
	options.resize((options.size() + 3) / 4 * 4, '\0');
	const std::size_t header = 20 + options.size();
	const Fragment fragment = packet.fragment.value_or(Fragment{});
	std::string out = be16(0x4000 | static_cast<unsigned>(header / 4) << 8);
	out += be16(packet.ip_length.value_or(static_cast<std::uint16_t>(header + body.size())));
	out += be16(7) + be16(fragment.offset | (fragment.more ? 0x2000 : 0));
	out += be16(64 << 8 | static_cast<unsigned>(packet.transport)) + be16(0);
	out += address(packet.source) + address(packet.destination) + options;
	const auto sum = static_cast<std::uint16_t>(~ones_complement_sum(out));
	put_checksum(out, 10, packet.wrong_ip_checksum ? sum ^ 0x0400 : sum);
	return out + body;
}

std::string ipv6(const Packet &packet, const std::string &body)
{
	auto extensions = packet.extensions;
	std::string chain;
	auto next = static_cast<std::uint8_t>(packet.transport);
	// Built from the last to the first: each names its successor.
	if (packet.fragment) {
		chain = be16(static_cast<unsigned>(next) << 8);
		chain += be16(static_cast<unsigned>(packet.fragment->offset) << 3 |
			      (packet.fragment->more ? 1 : 0));
		chain += be32(99);
		next = ip6_fragment;
	}
	while (!extensions.empty()) {
		std::string header = extensions.back().body;
		header.resize((header.size() + 2 + 7) / 8 * 8 - 2, '\0');
		const auto units = static_cast<unsigned>((header.size() + 2) / 8 - 1);
		chain.insert(0, be16(static_cast<unsigned>(next) << 8 | units) + header);
		next = extensions.back().type;
		extensions.pop_back();
	}
	const std::size_t length = chain.size() + body.size();
	std::string out = be32(0x60000000);
	out += be16(packet.ip_length.value_or(static_cast<std::uint16_t>(length)));
	out += be16(static_cast<unsigned>(next) << 8 | 64);
	return out + address(packet.source) + address(packet.destination) + chain + body;
}

} // namespace

std::string Packet::bytes() const
{
	std::string out = destination_mac + source_mac;
	for (const VlanTag &tag : tags)
		out += be16(tag.ethertype) + be16(tag.id);
	out += be16(ipv6() ? 0x86dd : 0x0800);
	const std::string body = with_checksum(*this);
	return out + (ipv6() ? test::ipv6(*this, body) : ipv4(*this, body)) + padding;
}

Packet Packet::reply(std::string reply_payload) const
{
	Packet out;
	out.source_mac = destination_mac;
	out.destination_mac = source_mac;
	out.tags = tags;
	out.source = destination;
	out.destination = source;
	out.source_port = destination_port;
	out.destination_port = source_port;
	out.payload = std::move(reply_payload);
	return out;
}

} // namespace prestack::test
