// SPDX-License-Identifier: GPL-2.0-only
#include "watch/link_scopes.hpp"

#include <map>
#include <vector>

namespace prestack
{
namespace
{

constexpr unsigned most_tags = 2; // as many as the programs follow
constexpr unsigned most_masters = 8; // no sane stack is higher

class Walk
{
public:
	explicit Walk(std::span<const Link> links)
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
	std::map<int, Link> links_;
};

} // namespace

LinkScopes scopes_of(std::span<const Link> links, const std::set<int> &served)
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
	return read_links(socket_).map(
		[&served](const std::vector<Link> &links) { return scopes_of(links, served); });
}

} // namespace prestack
