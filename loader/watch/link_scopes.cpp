// SPDX-License-Identifier: GPL-2.0-only
#include "watch/link_scopes.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace prestack
{
namespace
{

constexpr unsigned most_tags = 2; // as many as the programs follow
constexpr unsigned most_masters = 8; // no sane stack is higher

void read_info(const nlattr *info, ScopedLink &link)
{
	for_each_nested(info, [&link](const nlattr *nested) {
		if (mnl_attr_get_type(nested) == IFLA_INFO_KIND) {
			link.kind = mnl_attr_get_str(nested);
		} else if (mnl_attr_get_type(nested) == IFLA_INFO_DATA && link.kind == "vlan") {
			for_each_nested(nested, [&link](const nlattr *data) {
				if (mnl_attr_get_type(data) == IFLA_VLAN_ID) {
					link.vlan = mnl_attr_get_u16(data);
				}
			});
		}
	});
}

ScopedLink link_of(const nlmsghdr *message)
{
	const auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
	ScopedLink link;
	link.ifindex = header->ifi_index;
	bool elsewhere = false;
	for_each_attribute(message, sizeof *header, [&](const nlattr *attribute) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_LINK:
			link.lower = static_cast<int>(mnl_attr_get_u32(attribute));
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true;
			break;
		case IFLA_MASTER:
			link.master = static_cast<int>(mnl_attr_get_u32(attribute));
			break;
		case IFLA_LINKINFO:
			read_info(attribute, link);
			break;
		default:
			break;
		}
	});
	if (elsewhere) {
		link.lower = 0;
	}
	return link;
}

class Walk
{
public:
	explicit Walk(std::span<const ScopedLink> links)
	{
		for (const auto &link : links) {
			links_[link.ifindex] = link;
		}
	}

	void from(int served, int ifindex, std::uint32_t tags, unsigned depth)
	{
		LinkScope scope;
		std::set<int> passed{ifindex};
		scope.device = ifindex;
		for (unsigned i = 0; i < most_masters; ++i) {
			const auto &link = links_[scope.device];
			if (link.master == 0) {
				break;
			}
			if (links_[link.master].kind == "vrf") {
				scope.vrf = link.master;
				break;
			}
			scope.device = link.master;
			passed.insert(scope.device);
		}
		scopes.emplace(LinkPlace{served, tags}, scope);
		if (depth == most_tags) {
			return;
		}
		// A tag with the id 0 is none.
		scopes.emplace(LinkPlace{served, tags << 16 | 1}, scope);
		for (const auto &[index, link] : links_) {
			if (link.kind == "vlan" && link.vlan != 0 && passed.contains(link.lower)) {
				from(served, index, tags << 16 | (link.vlan + 1U), depth + 1);
			}
		}
	}

	LinkScopes scopes;

private:
	std::map<int, ScopedLink> links_;
};

} // namespace

LinkScopes scopes_of(std::span<const ScopedLink> links, const std::set<int> &served)
{
	Walk walk(links);
	for (const int ifindex : served) {
		walk.from(ifindex, ifindex, 0, 0);
	}
	return std::move(walk.scopes);
}

Result<LinkScopeReader> LinkScopeReader::open()
{
	return NetlinkSocket::open(NETLINK_ROUTE, 0).map([](NetlinkSocket &&socket) {
		return LinkScopeReader(std::move(socket));
	});
}

Result<LinkScopes> LinkScopeReader::read(const std::set<int> &served) const
{
	std::array<char, 256> buffer{};
	auto *request = mnl_nlmsg_put_header(buffer.data());
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	auto *header =
		static_cast<ifinfomsg *>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
	header->ifi_family = AF_UNSPEC;
	std::vector<ScopedLink> links;
	return socket_
		.ask(request,
		     [&links](const nlmsghdr *answer) {
			     if (answer->nlmsg_type == RTM_NEWLINK) {
				     links.push_back(link_of(answer));
			     }
		     })
		.map([&] { return scopes_of(links, served); });
}

} // namespace prestack
