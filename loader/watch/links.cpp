// SPDX-License-Identifier: GPL-2.0-only
#include "watch/links.hpp"

#include <array>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace prestack
{
namespace
{

void read_info(const nlattr *info, Link &link)
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

Link link_of(const nlmsghdr *message)
{
	const auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
	Link link;
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

} // namespace

Result<std::vector<Link>> read_links(const NetlinkSocket &socket)
{
	std::array<char, 256> buffer{};
	auto *request = mnl_nlmsg_put_header(buffer.data());
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	auto *header =
		static_cast<ifinfomsg *>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
	header->ifi_family = AF_UNSPEC;
	std::vector<Link> links;
	return socket
		.ask(request,
		     [&links](const nlmsghdr *answer) {
			     if (answer->nlmsg_type == RTM_NEWLINK) {
				     links.push_back(link_of(answer));
			     }
		     })
		.map([&links] { return std::move(links); });
}

} // namespace prestack
