// SPDX-License-Identifier: GPL-2.0-only
// A veth pair between two namespaces, optionally with VLAN tags on the wire.
#pragma once

#include <string>

#include "netns.hpp"

namespace prestack::test
{

struct VethOptions {
	std::string name = "veth0"; // the same on both ends: each is alone in its namespace
	unsigned vlan_depth = 0; // 0: untagged, 1: 802.1Q, 2: 802.1ad outside 802.1Q
	unsigned id = 0; // keeps the MAC addresses of several pairs apart
};

class VethPair
{
public:
	// Makes the pair, up on both ends. The client's end gets an XDP program that passes
	// everything: without one a veth drops what its peer sends by XDP_TX.
	// The pair goes away with either namespace.
	VethPair(const Netns &server, const Netns &client, const VethOptions &options);

	const std::string &interface() const { return interface_; }
	const std::string &server_mac() const { return server_mac_; }
	const std::string &client_mac() const { return client_mac_; }

	// Adds an address with its prefix length, "10.0.0.1/24" or "fd00::1/64", to an end.
	void server_address(const std::string &address) const;
	void client_address(const std::string &address) const;

private:
	void add_address(const Netns &ns, const std::string &address) const;

	const Netns &server_;
	const Netns &client_;
	std::string interface_;
	std::string server_mac_;
	std::string client_mac_;
};

// Attaches an XDP program that returns XDP_PASS in native mode; it stays until the interface goes.
void attach_xdp_pass(const Netns &ns, const std::string &interface);

} // namespace prestack::test
