// SPDX-License-Identifier: GPL-2.0-only
// The maps through which user space tells the kernel where servers listen, which addresses are this host's,
// and which links belong together. See prestack/types.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include <prestack/types.h>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "kernel/objects.hpp"

namespace prestack
{

// Where requests arrive. With the wildcard of a family as its address: at every local address of that
// family that is not listed itself.
struct Listening {
	Endpoint at;
	bool udp = false;

	friend bool operator==(const Listening &, const Listening &) = default;
	friend bool operator<(const Listening &one, const Listening &other)
	{
		return std::tie(one.at.port, one.udp, one.at.address.bytes) <
		       std::tie(other.at.port, other.udp, other.at.address.bytes);
	}
};
// The service that listens there, or PS_SERVICE_NONE.
using ListeningMap = std::map<Listening, std::uint32_t>;

// 0.0.0.0, or ::, in the form that addresses have here.
[[nodiscard]] IpAddress wildcard_of(IpFamily family);

// Frames with these tags (as in ps_path.vlan) on this interface.
struct LinkPlace {
	int ifindex = 0;
	std::uint32_t vlan = 0;
	friend bool operator==(const LinkPlace &, const LinkPlace &) = default;
	friend bool operator<(const LinkPlace &one, const LinkPlace &other)
	{
		return std::tie(one.ifindex, one.vlan) < std::tie(other.ifindex, other.vlan);
	}
};
struct LinkScope {
	int vrf = 0; // 0 = none
	int device = 0;
	friend bool operator==(const LinkScope &, const LinkScope &) = default;
};
using LinkScopes = std::map<LinkPlace, LinkScope>;

// Writes differences only. What is told takes effect with commit(). One thread.
class AddressMaps
{
public:
	[[nodiscard]] static Result<AddressMaps> open(const CoreMaps &maps);

	// What the kernel has. Of maps that were taken over it is what the killed loader knew.
	[[nodiscard]] const ListeningMap &listening() const { return listening_; }
	[[nodiscard]] Result<void> set_listening(const ListeningMap &wanted);
	// Connections to an address that is gone for a while go on when it is back, so one that is gone is
	// forgotten only when there is no room left.
	[[nodiscard]] Result<void> add_local(const std::set<IpPrefix> &prefixes);
	[[nodiscard]] Result<void> set_links(const LinkScopes &wanted);
	// What programs remember of an earlier look is void.
	void commit();

private:
	struct Unmap {
		void operator()(ps_ports *ports) const;
	};
	AddressMaps() = default;
	void forget_local_but(const std::set<IpPrefix> &prefixes);

	UniqueFd addresses_;
	UniqueFd local_;
	UniqueFd links_;
	std::unique_ptr<ps_ports, Unmap> ports_;
	ListeningMap listening_;
	std::set<IpPrefix> local_prefixes_;
	LinkScopes link_scopes_;
	bool changed_ = true;
};

// All that a pinned map ps_addresses lists, with the service of each.
[[nodiscard]] Result<ListeningMap> read_listening(int addresses);

} // namespace prestack
