// SPDX-License-Identifier: GPL-2.0-only
#include "frame.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "vlan.hpp"

namespace prestack::test
{

namespace
{

constexpr std::uint8_t fragment_header = 44; // IPv6 next header
constexpr std::uint16_t more_fragments = 0x2000;

void put8(std::string &out, unsigned value)
{
	out += static_cast<char>(value & 0xff);
}
void put16(std::string &out, unsigned value)
{
	put8(out, value >> 8);
	put8(out, value);
}
void put32(std::string &out, std::uint32_t value)
{
	put16(out, value >> 16);
	put16(out, value);
}
unsigned get8(std::string_view bytes, std::size_t at)
{
	return static_cast<unsigned char>(bytes[at]);
}
unsigned get16(std::string_view bytes, std::size_t at)
{
	return get8(bytes, at) << 8 | get8(bytes, at + 1);
}
void set16(std::string &bytes, std::size_t at, unsigned value)
{
	bytes[at] = static_cast<char>(value >> 8 & 0xff);
	bytes[at + 1] = static_cast<char>(value & 0xff);
}

std::string mac_bytes(const std::string &text)
{
	unsigned b[6];
	if (std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) !=
	    6) {
		throw std::invalid_argument("not a MAC address: " + text);
	}
	std::string out;
	for (const unsigned each : b)
		put8(out, each);
	return out;
}

bool is_v6(const std::string &address)
{
	return address.find(':') != std::string::npos;
}

std::string address_bytes(const std::string &text)
{
	std::string out(is_v6(text) ? 16 : 4, '\0');
	if (::inet_pton(is_v6(text) ? AF_INET6 : AF_INET, text.c_str(), out.data()) != 1) {
		throw std::invalid_argument("not an address: " + text);
	}
	return out;
}

std::string address_text(std::string_view bytes)
{
	char text[INET6_ADDRSTRLEN];
	::inet_ntop(bytes.size() == 16 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof(text));
	return text;
}

std::string ethernet_header(const UdpFrame &frame)
{
	std::string out = mac_bytes(frame.destination_mac) + mac_bytes(frame.source_mac);
	if (frame.vlan_depth == 2) {
		put16(out, 0x88a8);
		put16(out, outer_vlan_id);
	}
	if (frame.vlan_depth > 0) {
		put16(out, 0x8100);
		put16(out, inner_vlan_id);
	}
	put16(out, is_v6(frame.source) ? 0x86dd : 0x0800);
	return out;
}

std::uint16_t udp_sum(std::string_view source, std::string_view destination, std::string_view udp)
{
	std::string pseudo(source);
	pseudo.append(destination);
	put32(pseudo, static_cast<std::uint32_t>(udp.size()));
	put32(pseudo, IPPROTO_UDP);
	return ones_complement_sum(udp, ones_complement_sum(pseudo));
}

// The UDP header and its payload.
std::string udp_part(const UdpFrame &frame)
{
	std::string out;
	put16(out, frame.source_port);
	put16(out, frame.destination_port);
	put16(out, frame.udp_length.value_or(static_cast<std::uint16_t>(8 + frame.payload.size())));
	put16(out, 0);
	out += frame.payload;
	if (!frame.zero_udp_checksum) {
		std::uint16_t sum = static_cast<std::uint16_t>(~udp_sum(
			address_bytes(frame.source), address_bytes(frame.destination), out));
		if (sum == 0)
			sum = 0xffff;
		set16(out, 6, sum ^ frame.damage_udp_checksum);
	}
	return out;
}

std::string ipv4_packet(const UdpFrame &frame, std::string_view body, std::uint16_t id,
			unsigned fragment_field)
{
	std::string options = frame.ip_options;
	options.resize((options.size() + 3) / 4 * 4, '\0');
	const std::size_t header = 20 + options.size();
	std::string out;
	put8(out, 0x40 | static_cast<unsigned>(header / 4));
	put8(out, 0);
	put16(out, frame.ip_length.value_or(static_cast<std::uint16_t>(header + body.size())));
	put16(out, id);
	put16(out, fragment_field);
	put8(out, frame.hop_limit);
	put8(out, IPPROTO_UDP);
	put16(out, 0);
	out += address_bytes(frame.source) + address_bytes(frame.destination) + options;
	set16(out, 10,
	      static_cast<std::uint16_t>(~ones_complement_sum(out)) ^ frame.damage_ip_checksum);
	return out.append(body);
}

std::string ipv6_packet(const UdpFrame &frame, std::string_view body, std::uint8_t next_header)
{
	std::string out;
	put32(out, 0x60000000);
	put16(out, frame.ip_length.value_or(static_cast<std::uint16_t>(body.size())));
	put8(out, next_header);
	put8(out, frame.hop_limit);
	out += address_bytes(frame.source) + address_bytes(frame.destination);
	return out.append(body);
}

} // namespace

std::uint16_t ones_complement_sum(std::string_view bytes, std::uint32_t sum)
{
	for (std::size_t at = 0; at + 1 < bytes.size(); at += 2)
		sum += get16(bytes, at);
	if (bytes.size() % 2 != 0)
		sum += get8(bytes, bytes.size() - 1) << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<std::uint16_t>(sum);
}

std::string encode(const UdpFrame &frame)
{
	const std::string udp = udp_part(frame);
	const std::string packet = is_v6(frame.source) ? ipv6_packet(frame, udp, IPPROTO_UDP)
						       : ipv4_packet(frame, udp, frame.ip_id, 0);
	return ethernet_header(frame) + packet + frame.trailer;
}

std::vector<std::string> encode_fragments(const UdpFrame &frame, std::size_t first,
					  std::size_t rest, std::uint32_t id)
{
	const std::string udp = udp_part(frame);
	std::vector<std::string> frames;
	for (std::size_t at = 0; at < udp.size();) {
		const std::string_view part =
			std::string_view(udp).substr(at, at == 0 ? first : rest);
		const bool more = at + part.size() < udp.size();
		if (is_v6(frame.source)) {
			std::string body;
			put8(body, IPPROTO_UDP);
			put8(body, 0);
			put16(body, static_cast<unsigned>(at) | (more ? 1 : 0));
			put32(body, id);
			frames.push_back(ethernet_header(frame) +
					 ipv6_packet(frame, body.append(part), fragment_header));
		} else {
			const unsigned field =
				static_cast<unsigned>(at / 8) | (more ? more_fragments : 0);
			frames.push_back(
				ethernet_header(frame) +
				ipv4_packet(frame, part, static_cast<std::uint16_t>(id), field));
		}
		at += part.size();
	}
	return frames;
}

std::optional<ReceivedUdp> decode(std::string_view frame)
{
	ReceivedUdp result;
	frame.remove_prefix(std::min<std::size_t>(frame.size(), 12));
	while (frame.size() > 4 && (get16(frame, 0) == 0x8100 || get16(frame, 0) == 0x88a8)) {
		frame.remove_prefix(4);
		++result.vlan_depth;
	}
	if (frame.size() < 2 + 20 + 8)
		return std::nullopt;
	const unsigned ethertype = get16(frame, 0);
	const std::string_view packet = frame.substr(2);
	std::string_view source;
	std::string_view destination;
	std::size_t header = 0;
	std::size_t ip_payload = 0;
	if (ethertype == 0x0800) {
		header = (get8(packet, 0) & 0xf) * 4;
		const bool fragment = (get16(packet, 6) & 0x3fff) != 0;
		if (packet.size() < header + 8 || get8(packet, 9) != IPPROTO_UDP || fragment) {
			return std::nullopt;
		}
		source = packet.substr(12, 4);
		destination = packet.substr(16, 4);
		result.good_ip_checksum = ones_complement_sum(packet.substr(0, header)) == 0xffff;
		ip_payload = get16(packet, 2) - header;
	} else if (ethertype == 0x86dd && packet.size() >= 48 && get8(packet, 6) == IPPROTO_UDP) {
		header = 40;
		source = packet.substr(8, 16);
		destination = packet.substr(24, 16);
		result.good_ip_checksum = true;
		ip_payload = get16(packet, 4);
	} else {
		return std::nullopt;
	}
	const std::string_view udp = packet.substr(header, ip_payload);
	if (udp.size() < 8)
		return std::nullopt;
	result.source = address_text(source);
	result.destination = address_text(destination);
	result.source_port = static_cast<std::uint16_t>(get16(udp, 0));
	result.destination_port = static_cast<std::uint16_t>(get16(udp, 2));
	result.zero_udp_checksum = get16(udp, 6) == 0;
	result.good_udp_checksum =
		!result.zero_udp_checksum && udp_sum(source, destination, udp) == 0xffff;
	result.consistent_lengths = get16(udp, 4) == ip_payload && udp.size() == ip_payload;
	result.payload = udp.substr(8);
	return result;
}

} // namespace prestack::test
