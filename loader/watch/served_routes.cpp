// SPDX-License-Identifier: GPL-2.0-only
#include "watch/served_routes.hpp"

#include <array>
#include <cerrno>
#include <vector>

#include <linux/rtnetlink.h>

namespace prestack
{
namespace
{

// Bounds what a host with very many clients makes us remember between two refreshes.
constexpr std::size_t most_known = 4096;

void put_address(nlmsghdr *message, std::uint16_t type, const IpAddress &address)
{
	const bool v4 = address.family == IpFamily::v4;
	mnl_attr_put(message, type, v4 ? 4 : 16, address.bytes.data() + (v4 ? 12 : 0));
}

} // namespace

std::set<int> passing_served(std::span<const Link> links, const std::set<int> &served)
{
	std::set<int> passing = served;
	for (bool grew = true; grew;) {
		grew = false;
		for (const auto &link : links) {
			if (link.lower != 0 && passing.contains(link.lower)) {
				grew = passing.insert(link.ifindex).second || grew;
			}
			if (link.master != 0 && passing.contains(link.ifindex)) {
				grew = passing.insert(link.master).second || grew;
			}
		}
	}
	return passing;
}

Result<ServedRoutes> ServedRoutes::open(std::set<int> served)
{
	auto socket = NetlinkSocket::open(NETLINK_ROUTE, 0);
	if (!socket) {
		return tl::unexpected(socket.error());
	}
	ServedRoutes routes(std::move(*socket), std::move(served));
	if (auto done = routes.refresh(); !done) {
		return tl::unexpected(done.error());
	}
	return routes;
}

Result<void> ServedRoutes::refresh()
{
	return read_links(socket_).map([this](const std::vector<Link> &links) {
		passing_ = passing_served(links, served_);
		known_.clear();
	});
}

Result<int> ServedRoutes::leaves_by(const TcpConnection &connection) const
{
	const auto &local = connection.local.address;
	const auto &remote = connection.remote.address;
	std::array<char, 256> buffer{};
	auto *request = mnl_nlmsg_put_header(buffer.data());
	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST;
	request->nlmsg_seq = 1;
	auto *header = static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
	const bool v4 = remote.family == IpFamily::v4;
	header->rtm_family = v4 ? AF_INET : AF_INET6;
	header->rtm_dst_len = v4 ? 32 : 128;
	header->rtm_src_len = header->rtm_dst_len;
	put_address(request, RTA_DST, remote);
	put_address(request, RTA_SRC, local);
	// Of a VRF: by its table.
	if (connection.ifindex != 0) {
		mnl_attr_put_u32(request, RTA_OIF, connection.ifindex);
	}
	int interface = 0;
	const auto asked = socket_.ask(request, [&interface](const nlmsghdr *answer) {
		if (answer->nlmsg_type != RTM_NEWROUTE) {
			return;
		}
		for_each_attribute(answer, sizeof(rtmsg), [&interface](const nlattr *attribute) {
			if (mnl_attr_get_type(attribute) == RTA_OIF) {
				interface = static_cast<int>(mnl_attr_get_u32(attribute));
			}
		});
	});
	if (!asked) {
		return tl::unexpected(asked.error());
	}
	return interface;
}

bool ServedRoutes::passes(const TcpConnection &connection)
{
	const std::tuple key(connection.local.address.bytes, connection.remote.address.bytes,
			     connection.ifindex);
	if (const auto known = known_.find(key); known != known_.end()) {
		return known->second;
	}
	const auto interface = leaves_by(connection);
	const bool passes = !interface || *interface == 0 || passing_.contains(*interface);
	if (known_.size() >= most_known) {
		known_.clear();
	}
	known_.emplace(key, passes);
	return passes;
}

} // namespace prestack
