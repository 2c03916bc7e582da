// SPDX-License-Identifier: GPL-2.0-only
#include "splice_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include <cstring>

#include "support/frame.hpp"

namespace prestack::test
{

std::string stream_read(std::string_view key)
{
	return "0000 R " + std::string(key) + "\n";
}

Segment decoded(std::string_view frame)
{
	Segment out;
	iphdr ip{};
	tcphdr tcp{};
	if (frame.size() < 14 + sizeof(ip) + sizeof(tcp)) {
		ADD_FAILURE() << "a frame of " << frame.size() << " bytes";
		return out;
	}
	std::memcpy(&ip, frame.data() + 14, sizeof(ip));
	std::memcpy(&tcp, frame.data() + 34, sizeof(tcp));
	const std::string_view packet = frame.substr(14, ntohs(ip.tot_len));
	EXPECT_EQ(packet.size() + 14, frame.size()) << "the IP length is not the frame's";
	EXPECT_EQ(ones_complement_sum(packet.substr(0, 20)), 0xffff) << "IP checksum";
	const std::size_t length = packet.size() - 20;
	const char proto_length[4] = {0, 6, static_cast<char>(length >> 8),
				      static_cast<char>(length)};
	std::string pseudo(packet.substr(12, 8));
	pseudo.append(proto_length, 4);
	EXPECT_EQ(ones_complement_sum(packet.substr(20), ones_complement_sum(pseudo)), 0xffff)
		<< "TCP checksum";
	out.sequence = ntohl(tcp.seq);
	out.acknowledgement = ntohl(tcp.ack_seq);
	out.flags = static_cast<std::uint8_t>(frame[14 + 20 + 13]);
	out.window = ntohs(tcp.window);
	const std::size_t head = static_cast<std::size_t>(tcp.doff) * 4;
	out.options = packet.substr(40, head - 20);
	out.payload = packet.substr(20 + head);
	char text[INET_ADDRSTRLEN] = {};
	::inet_ntop(AF_INET, &ip.saddr, text, sizeof(text));
	out.source = text;
	return out;
}

std::string stamps(std::uint32_t value, std::uint32_t echo)
{
	const std::uint32_t words[] = {htonl(0x0101080a), htonl(value), htonl(echo)};
	return {reinterpret_cast<const char *>(words), sizeof(words)};
}

std::string sack(std::uint32_t from, std::uint32_t to)
{
	const std::uint32_t words[] = {htonl(0x0101050a), htonl(from), htonl(to)};
	return {reinterpret_cast<const char *>(words), sizeof(words)};
}

} // namespace prestack::test
