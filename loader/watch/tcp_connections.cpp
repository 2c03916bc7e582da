// SPDX-License-Identifier: GPL-2.0-only
#include "watch/tcp_connections.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <prestack/flow.h>

#include "watch/server_sockets.hpp"

namespace prestack
{
namespace
{

constexpr std::uint32_t states = 1u << TCP_ESTABLISHED | 1u << TCP_SYN_RECV | 1u << TCP_FIN_WAIT1 |
				 1u << TCP_FIN_WAIT2 | 1u << TCP_CLOSE_WAIT | 1u << TCP_LAST_ACK |
				 1u << TCP_CLOSING | 1u << TCP_TIME_WAIT;

// Once the server has closed it, what arrives is answered with a reset. In FIN_WAIT without an inode
// nobody has the socket open: closed, and not just shut down for sending.
bool may_be_read(const inet_diag_msg &diag)
{
	switch (diag.idiag_state) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		return diag.idiag_inode != 0;
	case TCP_LAST_ACK:
	case TCP_CLOSING:
	case TCP_TIME_WAIT:
		return false;
	default:
		return true;
	}
}

TcpConnection connection_of(const inet_diag_msg &diag)
{
	TcpConnection connection;
	connection.local.address = socket_address(diag.idiag_family, diag.id.idiag_src);
	connection.local.port = ntohs(diag.id.idiag_sport);
	connection.remote.address = socket_address(diag.idiag_family, diag.id.idiag_dst);
	connection.remote.port = ntohs(diag.id.idiag_dport);
	connection.cookie = std::uint64_t{diag.id.idiag_cookie[1]} << 32 | diag.id.idiag_cookie[0];
	connection.ifindex = diag.id.idiag_if;
	connection.family6 = diag.idiag_family == AF_INET6;
	connection.readable = may_be_read(diag);
	connection.time_wait = diag.idiag_state == TCP_TIME_WAIT;
	return connection;
}

// Fills in an address as sock_diag wants it.
void put_address(const TcpConnection &connection, const IpAddress &address, __be32 *out)
{
	if (connection.family6) {
		std::memcpy(out, address.bytes.data(), 16);
	} else {
		std::memcpy(out, address.bytes.data() + 12, 4);
	}
}

inet_diag_req_v2 *put_request(nlmsghdr *message, int family)
{
	auto *request = static_cast<inet_diag_req_v2 *>(
		mnl_nlmsg_put_extra_header(message, sizeof(inet_diag_req_v2)));
	request->sdiag_family = static_cast<__u8>(family);
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = states;
	return request;
}

} // namespace

FlowScopes read_flow_scopes(int links)
{
	FlowScopes scopes;
	ps_link_key key{};
	const ps_link_key *last = nullptr;
	ps_link_key next{};
	// Only a loader changes this map, so the walk ends.
	while (bpf_map_get_next_key(links, last, &next) == 0) {
		ps_link link{};
		if (bpf_map_lookup_elem(links, &next, &link) == 0) {
			scopes.vrfs.insert(link.vrf);
			scopes.devices.insert(link.device);
		}
		key = next;
		last = &key;
	}
	return scopes;
}

std::vector<ps_flow_key> flow_keys(const TcpConnection &connection, const FlowScopes &scopes)
{
	ps_flow_key key{};
	std::memcpy(key.client, connection.remote.address.bytes.data(), sizeof key.client);
	std::memcpy(key.local, connection.local.address.bytes.data(), sizeof key.local);
	key.client_port = htons(connection.remote.port);
	key.local_port = htons(connection.local.port);
	const bool link_local = connection.local.address.is_link_local() ||
				connection.remote.address.is_link_local();
	auto candidates = link_local ? scopes.devices : scopes.vrfs;
	if (connection.ifindex != 0 && candidates.contains(connection.ifindex)) {
		candidates = {connection.ifindex};
	}
	std::vector<ps_flow_key> keys;
	for (const auto scope : candidates) {
		key.scope = scope;
		key.hash = ps_flow_hash(&key);
		keys.push_back(key);
	}
	return keys;
}

bool is_same(const ps_flow_key &one, const ps_flow_key &other)
{
	return std::memcmp(&one, &other, sizeof one) == 0;
}

Result<ConnectionDiag> ConnectionDiag::open()
{
	return NetlinkSocket::open(NETLINK_SOCK_DIAG, 0).map([](NetlinkSocket &&socket) {
		return ConnectionDiag(std::move(socket));
	});
}

Result<std::vector<TcpConnection>> ConnectionDiag::on_port(std::uint16_t port) const
{
	std::vector<TcpConnection> connections;
	std::uint32_t sequence = 0;
	for (const int family : {AF_INET, AF_INET6}) {
		std::array<char, 256> buffer{};
		auto *message = mnl_nlmsg_put_header(buffer.data());
		message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
		message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		message->nlmsg_seq = ++sequence;
		put_request(message, family)->id.idiag_sport = htons(port);
		const auto asked = socket_.ask(message, [&](const nlmsghdr *answer) {
			if (mnl_nlmsg_get_payload_len(answer) >= sizeof(inet_diag_msg)) {
				connections.push_back(
					connection_of(*static_cast<const inet_diag_msg *>(
						mnl_nlmsg_get_payload(answer))));
			}
		});
		// No module for the family, no sockets of it.
		if (!asked && asked.error().errnum != ENOENT) {
			return tl::unexpected(asked.error());
		}
	}
	return connections;
}

Result<void> ConnectionDiag::destroy(const TcpConnection &connection) const
{
	std::array<char, 256> buffer{};
	auto *message = mnl_nlmsg_put_header(buffer.data());
	message->nlmsg_type = SOCK_DESTROY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = 1;
	auto &id = put_request(message, connection.family6 ? AF_INET6 : AF_INET)->id;
	id.idiag_sport = htons(connection.local.port);
	id.idiag_dport = htons(connection.remote.port);
	put_address(connection, connection.local.address, id.idiag_src);
	put_address(connection, connection.remote.address, id.idiag_dst);
	id.idiag_cookie[0] = static_cast<__u32>(connection.cookie);
	id.idiag_cookie[1] = static_cast<__u32>(connection.cookie >> 32);
	auto asked = socket_.ask(message, [](const nlmsghdr *) {});
	if (!asked && asked.error().errnum == ENOENT) {
		return {};
	}
	return asked;
}

Result<ConnectionDestroyEvents> ConnectionDestroyEvents::open()
{
	auto socket = NetlinkSocket::open(NETLINK_SOCK_DIAG, 0);
	if (!socket) {
		return tl::unexpected(socket.error());
	}
	for (const unsigned group : {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY}) {
		if (auto joined = socket->join(group); !joined) {
			return tl::unexpected(joined.error());
		}
	}
	return ConnectionDestroyEvents(std::move(*socket));
}

Result<void> ConnectionDestroyEvents::discard_pending() const
{
	return socket_.read_pending([](const nlmsghdr *) {}).map([](bool) {});
}

void OldConnections::keep(std::span<const TcpConnection> now)
{
	const std::set<TcpConnection> open(now.begin(), now.end());
	std::erase_if(open_, [&open](const TcpConnection &old) { return !open.contains(old); });
}

} // namespace prestack
