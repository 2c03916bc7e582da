// SPDX-License-Identifier: GPL-2.0-only
// To which VRF, and to which interface with addresses, frames on the served interfaces belong.
#pragma once

#include <set>
#include <span>
#include <utility>

#include "base/netlink.hpp"
#include "base/result.hpp"
#include "kernel/address_maps.hpp"
#include "watch/links.hpp"

namespace prestack
{

// Pure.
[[nodiscard]] LinkScopes scopes_of(std::span<const Link> links, const std::set<int> &served);

class LinkScopeReader
{
public:
	[[nodiscard]] static Result<LinkScopeReader> open();
	[[nodiscard]] Result<LinkScopes> read(const std::set<int> &served) const;

private:
	explicit LinkScopeReader(NetlinkSocket socket) : socket_(std::move(socket)) {}
	NetlinkSocket socket_;
};

} // namespace prestack
