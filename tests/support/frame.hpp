// SPDX-License-Identifier: GPL-2.0-only
// UDP datagrams as Ethernet frames, built and taken apart byte by byte, right or deliberately wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prestack::test
{

// What goes into a frame. Lengths and checksums are computed unless overridden.
struct UdpFrame {
	std::string source_mac;
	std::string destination_mac;
	unsigned vlan_depth = 0; // tags as tag_interface() would put them
	std::string source; // both IPv4 or both IPv6, numeric
	std::string destination;
	std::uint16_t source_port = 0;
	std::uint16_t destination_port = 0;
	std::string payload{}; // after the UDP header
	std::uint16_t ip_id = 0; // IPv4
	std::uint8_t hop_limit = 64;
	std::string ip_options{}; // IPv4; padded to whole words with zeros
	bool zero_udp_checksum = false; // IPv4: "not computed"
	std::uint16_t damage_udp_checksum = 0; // xored in
	std::uint16_t damage_ip_checksum = 0; // xored in
	std::optional<std::uint16_t> udp_length{};
	std::optional<std::uint16_t> ip_length{}; // total length (IPv4) or payload length (IPv6)
	std::string trailer{}; // after the IP packet, as Ethernet padding is
};

std::string encode(const UdpFrame &frame);

// The same datagram in IP fragments, the first with `first` bytes of the UDP part (a multiple of 8)
// and the others with `rest` bytes each (likewise).
std::vector<std::string> encode_fragments(const UdpFrame &frame, std::size_t first,
					  std::size_t rest, std::uint32_t id);

// A received datagram. `good_*` tell whether the checksum is present and right.
struct ReceivedUdp {
	unsigned vlan_depth = 0;
	std::string source;
	std::string destination;
	std::uint16_t source_port = 0;
	std::uint16_t destination_port = 0;
	bool good_ip_checksum = false; // true for IPv6, which has none
	bool zero_udp_checksum = false;
	bool good_udp_checksum = false;
	bool consistent_lengths = false; // IP and UDP lengths agree with each other and the frame
	std::string payload;
};

// Nullopt when the frame is no unfragmented UDP datagram.
std::optional<ReceivedUdp> decode(std::string_view frame);

// The Internet checksum of `bytes`, folded, not inverted; `sum` carries a previous part.
std::uint16_t ones_complement_sum(std::string_view bytes, std::uint32_t sum = 0);

} // namespace prestack::test
