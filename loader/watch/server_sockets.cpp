// SPDX-License-Identifier: GPL-2.0-only
#include "watch/server_sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace prestack
{
namespace
{

ServerSocket socket_of(const nlmsghdr *message, bool udp)
{
	const auto &diag = *static_cast<const inet_diag_msg *>(mnl_nlmsg_get_payload(message));
	ServerSocket socket;
	socket.address = socket_address(diag.idiag_family, diag.id.idiag_src);
	socket.port = ntohs(diag.id.idiag_sport);
	socket.inode = diag.idiag_inode;
	socket.udp = udp;
	socket.uid = diag.idiag_uid;
	socket.cookie = std::uint64_t{diag.id.idiag_cookie[1]} << 32 | diag.id.idiag_cookie[0];
	socket.ifindex = diag.id.idiag_if;
	for_each_attribute(message, sizeof diag, [&socket](const nlattr *attribute) {
		if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY) {
			socket.v6only = mnl_attr_get_u8(attribute) != 0;
		}
	});
	return socket;
}

} // namespace

IpAddress socket_address(int family, const void *bytes)
{
	IpAddress address;
	if (family == AF_INET) {
		address.bytes[10] = address.bytes[11] = 0xff;
		std::memcpy(address.bytes.data() + 12, bytes, 4);
		return address;
	}
	std::memcpy(address.bytes.data(), bytes, 16);
	// An IPv6 socket bound to ::ffff:a.b.c.d serves IPv4.
	const std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	address.family = std::equal(mapped.begin(), mapped.end(), address.bytes.begin())
				 ? IpFamily::v4
				 : IpFamily::v6;
	return address;
}

bool takes_requests(const ServerSocket &socket, const IpAddress &server)
{
	if (!socket.address.is_wildcard()) {
		return socket.address.bytes == server.bytes;
	}
	if (server.is_wildcard() && server.family == IpFamily::v6) {
		return true;
	}
	return socket.address.family == server.family ||
	       (server.family == IpFamily::v4 && !socket.v6only);
}

ServerState server_state(std::span<const ServerSocket> sockets, const ServiceConfig &service)
{
	ServerState state;
	bool one_owner = true;
	for (const auto &socket : sockets) {
		if (socket.port != service.port ||
		    !takes_requests(socket, service.server.address) ||
		    !(socket.udp ? service.udp : service.tcp)) {
			continue;
		}
		one_owner = one_owner &&
			    (state.sockets.empty() || state.sockets.front().uid == socket.uid);
		(socket.udp ? state.has_udp : state.has_tcp) = true;
		state.sockets.push_back(socket);
	}
	if (state.sockets.empty() || !one_owner) {
		return state;
	}
	state.uid = state.sockets.front().uid;
	// What is bound to the very address gets what is for it; the wildcard is then another server's.
	for (const bool udp : {false, true}) {
		const bool exact = std::ranges::any_of(state.sockets, [udp](const auto &socket) {
			return socket.udp == udp && !socket.address.is_wildcard();
		});
		std::erase_if(state.sockets, [udp, exact](const auto &socket) {
			return exact && socket.udp == udp && socket.address.is_wildcard();
		});
	}
	return state;
}

Result<SocketDiag> SocketDiag::open()
{
	return NetlinkSocket::open(NETLINK_SOCK_DIAG, 0).map([](NetlinkSocket &&socket) {
		return SocketDiag(std::move(socket));
	});
}

Result<std::vector<ServerSocket>> SocketDiag::all() const
{
	std::vector<ServerSocket> sockets;
	std::uint32_t sequence = 0;
	for (const int family : {AF_INET, AF_INET6}) {
		for (const int protocol : {IPPROTO_UDP, IPPROTO_TCP}) {
			std::array<char, 256> buffer{};
			auto *message = mnl_nlmsg_put_header(buffer.data());
			message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
			message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
			message->nlmsg_seq = ++sequence;
			auto *request = static_cast<inet_diag_req_v2 *>(
				mnl_nlmsg_put_extra_header(message, sizeof(inet_diag_req_v2)));
			request->sdiag_family = static_cast<__u8>(family);
			request->sdiag_protocol = static_cast<__u8>(protocol);
			// A UDP socket that is not connected is in state CLOSE.
			request->idiag_states =
				1u << (protocol == IPPROTO_UDP ? TCP_CLOSE : TCP_LISTEN);
			const auto asked = socket_.ask(message, [&](const nlmsghdr *answer) {
				if (mnl_nlmsg_get_payload_len(answer) >= sizeof(inet_diag_msg)) {
					sockets.push_back(
						socket_of(answer, protocol == IPPROTO_UDP));
				}
			});
			// No module for one protocol or family, no sockets of it.
			if (!asked && asked.error().errnum != ENOENT) {
				return tl::unexpected(asked.error());
			}
		}
	}
	std::ranges::sort(sockets, {}, &ServerSocket::cookie);
	return sockets;
}

Result<SocketDestroyEvents> SocketDestroyEvents::open()
{
	auto socket = NetlinkSocket::open(NETLINK_SOCK_DIAG, 0);
	if (!socket) {
		return tl::unexpected(socket.error());
	}
	for (const unsigned group : {SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY}) {
		if (auto joined = socket->join(group); !joined) {
			return tl::unexpected(joined.error());
		}
	}
	return SocketDestroyEvents(std::move(*socket));
}

Result<std::optional<std::vector<std::uint16_t>>> SocketDestroyEvents::closed_ports() const
{
	std::vector<std::uint16_t> ports;
	const auto complete = socket_.read_pending([&ports](const nlmsghdr *message) {
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(inet_diag_msg)) {
			ports.push_back(ntohs(
				static_cast<const inet_diag_msg *>(mnl_nlmsg_get_payload(message))
					->id.idiag_sport));
		}
	});
	if (!complete) {
		return tl::unexpected(complete.error());
	}
	return *complete ? std::optional(std::move(ports)) : std::nullopt;
}

} // namespace prestack
