// SPDX-License-Identifier: GPL-2.0-only
// Any Ethernet frame that carries a UDP datagram or a TCP segment, well-formed or not: for feeding
// programs packets that no stack would send. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prestack::test
{

enum class Transport : std::uint8_t { tcp = 6, udp = 17 };

enum class Checksum {
	right,
	wrong, // one bit is off
	zero, // "not computed"
	partial, // the pseudo header's sum only, as a veth peer on the same host leaves it
};

struct VlanTag {
	std::uint16_t ethertype = 0x8100;
	std::uint16_t id = 0;
};

// An IPv6 extension header. `body` follows the next-header and length bytes; it is padded with
// zeros to the next multiple of eight.
struct Extension {
	std::uint8_t type = 0; // 0 hop-by-hop, 43 routing, 60 destination options
	std::string body{};
};

struct Fragment {
	std::uint16_t offset = 0; // in units of eight bytes
	bool more = false;
};

// Lengths and checksums are computed unless overridden. The default is a datagram from a client to
// a server.
struct Packet {
	std::string source_mac = "client"; // six bytes each
	std::string destination_mac = "server";
	std::vector<VlanTag> tags{}; // outermost first
	std::string source = "10.0.0.2"; // both IPv4 or both IPv6
	std::string destination = "10.0.0.1";
	std::uint16_t source_port = 40000;
	std::uint16_t destination_port = 11211;
	Transport transport = Transport::udp;
	std::string payload{};

	std::string ip_options{}; // IPv4; padded with zeros to a multiple of four
	std::vector<Extension> extensions{}; // IPv6
	std::optional<Fragment> fragment{}; // only the header: the payload is not cut
	Checksum checksum = Checksum::right; // of the transport
	bool wrong_ip_checksum = false;
	std::optional<std::uint16_t> ip_length{}; // total length (IPv4) or payload length (IPv6)
	std::optional<std::uint16_t> udp_length{};
	std::optional<std::uint8_t> tcp_header_words{};
	std::uint32_t tcp_sequence = 1000;
	std::uint32_t tcp_acknowledgement = 2000;
	std::uint8_t tcp_flags = 0x18; // ACK and PSH
	std::uint16_t tcp_window = 512;
	std::string tcp_options{}; // padded with zeros to a multiple of four
	std::string padding{}; // behind the IP packet

	bool ipv6() const { return source.find(':') != std::string::npos; }
	// The frame's bytes.
	std::string bytes() const;
	// A datagram the other way, with plain IP headers and another payload.
	Packet reply(std::string reply_payload) const;
};

} // namespace prestack::test
