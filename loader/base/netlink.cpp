// SPDX-License-Identifier: GPL-2.0-only
#include "base/netlink.hpp"

#include <array>
#include <cerrno>

namespace prestack
{
namespace
{

constexpr std::size_t receive_size = 32768; // the kernel's largest dump message

int forward(const nlmsghdr *message, void *context)
{
	(*static_cast<const NetlinkSocket::OnMessage *>(context))(message);
	return MNL_CB_OK;
}

// libmnl's own loops are macros for C.
void visit_attributes(const nlattr *attribute, const char *end,
		      const std::function<void(const nlattr *)> &visit)
{
	while (mnl_attr_ok(attribute,
			   static_cast<int>(end - reinterpret_cast<const char *>(attribute)))) {
		visit(attribute);
		attribute = mnl_attr_next(attribute);
	}
}

} // namespace

Result<NetlinkSocket> NetlinkSocket::open(int protocol, unsigned groups)
{
	NetlinkSocket socket(mnl_socket_open2(protocol, SOCK_CLOEXEC));
	if (!socket.socket_) {
		return fail("netlink socket", "open", errno);
	}
	if (mnl_socket_bind(socket.socket_.get(), groups, MNL_SOCKET_AUTOPID) < 0) {
		return fail("netlink socket", "bind", errno);
	}
	return socket;
}

Result<void> NetlinkSocket::join(unsigned group) const
{
	if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) <
	    0) {
		return fail("netlink socket", "join a multicast group", errno);
	}
	return {};
}

Result<void> NetlinkSocket::ask(nlmsghdr *request, const OnMessage &on_message) const
{
	const auto port = mnl_socket_get_portid(socket_.get());
	std::array<char, receive_size> buffer{};
	if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0) {
		return fail("netlink socket", "send", errno);
	}
	for (;;) {
		const auto received =
			mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
		if (received < 0) {
			return fail("netlink socket", "receive", errno);
		}
		const int more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(received),
					    request->nlmsg_seq, port, forward,
					    const_cast<OnMessage *>(&on_message));
		if (more < 0) {
			return fail("netlink request", "answer", errno);
		}
		if (more == MNL_CB_STOP || (request->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK)) == 0) {
			return {};
		}
	}
}

Result<bool> NetlinkSocket::read_pending(const OnMessage &on_message) const
{
	std::array<char, receive_size> buffer{};
	bool complete = true;
	for (;;) {
		const auto received = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
		if (received < 0) {
			if (errno == ENOBUFS) {
				complete = false;
				continue;
			}
			if (errno == EAGAIN || errno == EINTR) {
				return complete;
			}
			return fail("netlink socket", "receive", errno);
		}
		if (mnl_cb_run(buffer.data(), static_cast<std::size_t>(received), 0, 0, forward,
			       const_cast<OnMessage *>(&on_message)) < 0) {
			complete = false;
		}
	}
}

void for_each_attribute(const nlmsghdr *message, std::size_t header_size,
			const std::function<void(const nlattr *)> &visit)
{
	const auto *end = static_cast<const char *>(mnl_nlmsg_get_payload_tail(message));
	visit_attributes(
		static_cast<const nlattr *>(mnl_nlmsg_get_payload_offset(message, header_size)),
		end, visit);
}

void for_each_nested(const nlattr *outer, const std::function<void(const nlattr *)> &visit)
{
	const auto *payload = static_cast<const nlattr *>(mnl_attr_get_payload(outer));
	visit_attributes(payload,
			 reinterpret_cast<const char *>(payload) + mnl_attr_get_payload_len(outer),
			 visit);
}

} // namespace prestack
