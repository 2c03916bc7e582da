// SPDX-License-Identifier: GPL-2.0-only
// Thin ownership and request helpers over libmnl.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <libmnl/libmnl.h>

#include "base/result.hpp"

namespace prestack
{

class NetlinkSocket
{
public:
	using OnMessage = std::function<void(const nlmsghdr *)>;

	// `protocol` is NETLINK_ROUTE or NETLINK_SOCK_DIAG; `groups` a bit mask of legacy multicast
	// groups to join. Reading from a subscribed socket does not block.
	[[nodiscard]] static Result<NetlinkSocket> open(int protocol, unsigned groups);

	[[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }
	[[nodiscard]] Result<void> join(unsigned group) const;
	// Sends `request` (NLM_F_REQUEST) and gives each message of the answer to `on_message`.
	[[nodiscard]] Result<void> ask(nlmsghdr *request, const OnMessage &on_message) const;
	// Reads what is waiting on a subscribed socket. False: messages were lost in between.
	[[nodiscard]] Result<bool> read_pending(const OnMessage &on_message) const;

private:
	struct Close {
		void operator()(mnl_socket *socket) const { mnl_socket_close(socket); }
	};
	explicit NetlinkSocket(mnl_socket *socket) : socket_(socket) {}
	std::unique_ptr<mnl_socket, Close> socket_;
};

// Calls `visit(attribute)` for each attribute after a family header of `header_size` bytes.
void for_each_attribute(const nlmsghdr *message, std::size_t header_size,
			const std::function<void(const nlattr *)> &visit);

// The same for the attributes inside one.
void for_each_nested(const nlattr *outer, const std::function<void(const nlattr *)> &visit);

} // namespace prestack
