// SPDX-License-Identifier: GPL-2.0-only
#include "packet_socket.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>

#include <cstring>

#include "poll.hpp"
#include "system_error.hpp"

namespace prestack::test
{

namespace
{

// Puts the tag that the kernel took off (a frame's outermost) back where it was.
void restore_tag(std::string &frame, msghdr &message)
{
	for (cmsghdr *each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
		if (each->cmsg_level != SOL_PACKET || each->cmsg_type != PACKET_AUXDATA)
			continue;
		tpacket_auxdata extra;
		std::memcpy(&extra, CMSG_DATA(each), sizeof(extra));
		if ((extra.tp_status & TP_STATUS_VLAN_VALID) == 0)
			continue;
		const std::uint16_t tag[] = {htons(extra.tp_vlan_tpid), htons(extra.tp_vlan_tci)};
		frame.insert(12, reinterpret_cast<const char *>(tag), sizeof(tag));
	}
}

// Nullopt for what the socket's own side sent, or when nothing is there.
std::optional<std::string> receive_one(int fd)
{
	std::string frame(65'536, '\0');
	alignas(cmsghdr) char control[256];
	sockaddr_ll from{};
	iovec part{frame.data(), frame.size()};
	msghdr message{};
	message.msg_name = &from;
	message.msg_namelen = sizeof(from);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	const ssize_t size = ::recvmsg(fd, &message, MSG_DONTWAIT);
	if (size < 0 || from.sll_pkttype == PACKET_OUTGOING)
		return std::nullopt;
	frame.resize(static_cast<std::size_t>(size));
	restore_tag(frame, message);
	return frame;
}

} // namespace

PacketSocket::PacketSocket(const Netns &ns, const std::string &interface, Queue queue)
	: fd_(ns.in([&] {
		  UniqueFd fd(
			  check(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket"));
		  const int on = 1;
		  const int bypass = queue == Queue::bypass ? 1 : 0;
		  check(::setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &bypass,
				     sizeof(bypass)),
			"PACKET_QDISC_BYPASS");
		  check(::setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)),
			"PACKET_AUXDATA");
		  sockaddr_ll address{};
		  address.sll_family = AF_PACKET;
		  address.sll_protocol = htons(ETH_P_ALL);
		  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
		  if (address.sll_ifindex == 0)
			  throw_errno("find interface " + interface);
		  check(::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)),
			"bind to " + interface);
		  return fd;
	  }))
{
}

void PacketSocket::send(std::string_view frame)
{
	check(::send(fd_.get(), frame.data(), frame.size(), 0), "send a frame");
}

std::optional<std::string> PacketSocket::receive(Milliseconds patience)
{
	const auto deadline = Clock::now() + patience;
	for (;;) {
		if (!wait_readable(fd_.get(), deadline))
			return std::nullopt;
		if (auto frame = receive_one(fd_.get()))
			return frame;
	}
}

std::optional<ReceivedUdp> PacketSocket::receive_udp(std::uint16_t destination_port,
						     Milliseconds patience)
{
	const auto deadline = Clock::now() + patience;
	while (const auto frame = receive(Milliseconds{remaining_ms(deadline)})) {
		auto datagram = decode(*frame);
		if (datagram && datagram->destination_port == destination_port)
			return datagram;
	}
	return std::nullopt;
}

} // namespace prestack::test
