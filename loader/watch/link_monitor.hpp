// SPDX-License-Identifier: GPL-2.0-only
// What happens to interfaces and addresses of this network namespace (rtnetlink).
#pragma once

#include <set>
#include <vector>

#include "base/netlink.hpp"
#include "base/result.hpp"

namespace prestack
{

// What changed since the last look.
struct LinkChanges {
	std::vector<int> deleted; // interfaces that left the namespace
	bool address_removed = false; // from any interface
	bool changed = false; // some property of a link, such as the MTU
	bool went_down = false; // a link is down or has no carrier
	bool lost = false; // the kernel dropped messages: assume anything
};

class LinkMonitor
{
public:
	[[nodiscard]] static Result<LinkMonitor> open();
	[[nodiscard]] int fd() const { return socket_.fd(); }
	[[nodiscard]] Result<LinkChanges> read(const std::set<int> &interfaces) const;

private:
	explicit LinkMonitor(NetlinkSocket socket) : socket_(std::move(socket)) {}
	NetlinkSocket socket_;
};

// What the kernel tells of a link that decides whether XDP may send by itself.
struct VethPeer {
	bool is_veth = false;
	bool peer_has_native_xdp = false;
};

// For a veth: whether its peer, in whatever namespace, has a native XDP program. A veth drops what
// XDP sends (XDP_TX) to a peer that has none.
[[nodiscard]] Result<VethPeer> look_at_veth_peer(int ifindex);

} // namespace prestack
