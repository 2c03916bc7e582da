// SPDX-License-Identifier: GPL-2.0-only
#include "watch/local_addresses.hpp"

#include <array>
#include <string_view>

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "watch/server_sockets.hpp"

namespace prestack
{
namespace
{

constexpr std::array to_many{std::string_view("224.0.0.0/4"),
			     std::string_view("255.255.255.255/32"), std::string_view("ff00::/8")};

unsigned whole(int family)
{
	return family == AF_INET ? 32 : 128;
}

bool fits(const nlattr *attribute, int family)
{
	return mnl_attr_get_payload_len(attribute) >= whole(family) / 8;
}

IpPrefix prefix_of(int family, const nlattr *attribute, unsigned length)
{
	return {socket_address(family, mnl_attr_get_payload(attribute)), length};
}

bool is_ours(unsigned type)
{
	return type == RTN_LOCAL || type == RTN_BROADCAST || type == RTN_ANYCAST;
}

} // namespace

Result<LocalAddresses> LocalAddresses::open()
{
	auto socket = NetlinkSocket::open(NETLINK_ROUTE, 0);
	if (!socket) {
		return tl::unexpected(socket.error());
	}
	// Else the kernel sends all tables, and a router's are long. Without it we choose ourselves.
	const int on = 1;
	(void)setsockopt(socket->fd(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	return LocalAddresses(std::move(*socket));
}

Result<void> LocalAddresses::read_interfaces(std::set<IpPrefix> &out) const
{
	std::array<char, 256> buffer{};
	auto *request = mnl_nlmsg_put_header(buffer.data());
	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(request, sizeof(ifaddrmsg));
	return socket_.ask(request, [&out](const nlmsghdr *answer) {
		if (answer->nlmsg_type != RTM_NEWADDR) {
			return;
		}
		const auto *header = static_cast<const ifaddrmsg *>(mnl_nlmsg_get_payload(answer));
		const int family = header->ifa_family;
		if (family != AF_INET && family != AF_INET6) {
			return;
		}
		for_each_attribute(answer, sizeof *header, [&](const nlattr *attribute) {
			const auto type = mnl_attr_get_type(attribute);
			// IFA_ADDRESS is the peer's where there is an IFA_LOCAL.
			const bool ours = type == IFA_LOCAL || type == IFA_BROADCAST ||
					  (type == IFA_ADDRESS && family == AF_INET6);
			if (ours && fits(attribute, family)) {
				out.insert(prefix_of(family, attribute, whole(family)));
			}
		});
	});
}

Result<void> LocalAddresses::read_routes(std::set<IpPrefix> &out) const
{
	for (const int family : {AF_INET, AF_INET6}) {
		std::array<char, 256> buffer{};
		auto *request = mnl_nlmsg_put_header(buffer.data());
		request->nlmsg_type = RTM_GETROUTE;
		request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		request->nlmsg_seq = 2;
		auto *wanted =
			static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
		wanted->rtm_family = static_cast<unsigned char>(family);
		wanted->rtm_table = RT_TABLE_LOCAL;
		auto asked = socket_.ask(request, [&out, family](const nlmsghdr *answer) {
			if (answer->nlmsg_type != RTM_NEWROUTE) {
				return;
			}
			const auto *route =
				static_cast<const rtmsg *>(mnl_nlmsg_get_payload(answer));
			if (route->rtm_family != family || !is_ours(route->rtm_type)) {
				return;
			}
			for_each_attribute(answer, sizeof *route, [&](const nlattr *attribute) {
				if (mnl_attr_get_type(attribute) == RTA_DST &&
				    fits(attribute, family)) {
					out.insert(
						prefix_of(family, attribute, route->rtm_dst_len));
				}
			});
		});
		if (!asked) {
			return asked;
		}
	}
	return {};
}

Result<std::set<IpPrefix>> LocalAddresses::read() const
{
	std::set<IpPrefix> prefixes;
	for (const auto text : to_many) {
		if (const auto prefix = parse_prefix(text)) {
			prefixes.insert(*prefix);
		}
	}
	return read_interfaces(prefixes).and_then([&] { return read_routes(prefixes); }).map([&] {
		return std::move(prefixes);
	});
}

} // namespace prestack
