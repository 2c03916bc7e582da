// SPDX-License-Identifier: GPL-2.0-only
#include "watch/link_monitor.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

namespace prestack
{
namespace
{

struct Link {
	bool is_veth = false;
	int peer = 0;
	std::optional<std::int32_t> peer_netns; // nothing: our own
	bool native_xdp = false;
};

void read_link_info(const nlattr *info, Link &link)
{
	for_each_nested(info, [&link](const nlattr *nested) {
		if (mnl_attr_get_type(nested) == IFLA_INFO_KIND) {
			link.is_veth = std::string_view(mnl_attr_get_str(nested)) == "veth";
		}
	});
}

void read_xdp(const nlattr *xdp, Link &link)
{
	for_each_nested(xdp, [&link](const nlattr *nested) {
		if (mnl_attr_get_type(nested) == IFLA_XDP_ATTACHED) {
			const auto mode = mnl_attr_get_u8(nested);
			link.native_xdp = mode == XDP_ATTACHED_DRV || mode == XDP_ATTACHED_MULTI;
		}
	});
}

Result<Link> get_link(int ifindex, std::optional<std::int32_t> netns)
{
	const auto socket = NetlinkSocket::open(NETLINK_ROUTE, 0);
	if (!socket) {
		return tl::unexpected(socket.error());
	}
	std::array<char, 256> buffer{};
	auto *request = mnl_nlmsg_put_header(buffer.data());
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	request->nlmsg_seq = 1;
	auto *header =
		static_cast<ifinfomsg *>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
	header->ifi_family = AF_UNSPEC;
	header->ifi_index = ifindex;
	if (netns) {
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, static_cast<std::uint32_t>(*netns));
	}
	Link link;
	auto asked = socket->ask(request, [&link](const nlmsghdr *answer) {
		if (answer->nlmsg_type != RTM_NEWLINK) {
			return;
		}
		for_each_attribute(answer, sizeof(ifinfomsg), [&link](const nlattr *attribute) {
			switch (mnl_attr_get_type(attribute)) {
			case IFLA_LINK:
				link.peer = static_cast<int>(mnl_attr_get_u32(attribute));
				break;
			case IFLA_LINK_NETNSID:
				link.peer_netns =
					static_cast<std::int32_t>(mnl_attr_get_u32(attribute));
				break;
			case IFLA_LINKINFO:
				read_link_info(attribute, link);
				break;
			case IFLA_XDP:
				read_xdp(attribute, link);
				break;
			default:
				break;
			}
		});
	});
	if (!asked) {
		return tl::unexpected(asked.error());
	}
	return link;
}

} // namespace

Result<LinkMonitor> LinkMonitor::open()
{
	return NetlinkSocket::open(NETLINK_ROUTE,
				   RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)
		.map([](NetlinkSocket &&socket) { return LinkMonitor(std::move(socket)); });
}

Result<LinkChanges> LinkMonitor::read(const std::set<int> &interfaces) const
{
	LinkChanges changes;
	const auto complete = socket_.read_pending([&](const nlmsghdr *message) {
		if (message->nlmsg_type == RTM_DELADDR) {
			changes.address_removed = true;
			return;
		}
		if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) {
			return;
		}
		const auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
		// Bridges announce their ports' changes under a family of their own.
		if (header->ifi_family != AF_UNSPEC || !interfaces.contains(header->ifi_index)) {
			return;
		}
		if (message->nlmsg_type == RTM_DELLINK) {
			changes.deleted.push_back(header->ifi_index);
		} else {
			changes.changed = true;
			changes.went_down = changes.went_down ||
					    (header->ifi_flags & IFF_UP) == 0 ||
					    (header->ifi_flags & IFF_RUNNING) == 0;
		}
	});
	if (!complete) {
		return tl::unexpected(complete.error());
	}
	changes.lost = !*complete;
	return changes;
}

Result<VethPeer> look_at_veth_peer(int ifindex)
{
	const auto link = get_link(ifindex, std::nullopt);
	if (!link) {
		return tl::unexpected(link.error());
	}
	if (!link->is_veth || link->peer == 0) {
		return VethPeer{link->is_veth, false};
	}
	const auto peer = get_link(link->peer, link->peer_netns);
	// A peer that we may not look at is taken for one without a program: the slower, safe way.
	return VethPeer{true, peer && peer->native_xdp};
}

} // namespace prestack
