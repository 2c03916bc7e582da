// SPDX-License-Identifier: GPL-2.0-only
// A new loader takes over from a killed one what is safe to take over, and no more.
#include <cstring>

#include <gtest/gtest.h>

#include "attach/takeover.hpp"
#include "kernel/bpf_link.hpp"

namespace prestack
{
namespace
{

constexpr PluginInfo alpha{"alpha", "", false, nullptr};
constexpr PluginInfo beta{"beta", "", false, nullptr};

TableFormat format()
{
	ps_config config{};
	config.seed[0] = 1;
	config.settle_ns = 5;
	config.fence_mask = 1023;
	config.nr_services = 1;
	ServiceConfig service;
	service.server = *parse_endpoint("10.0.0.1:7000");
	return make_table_format(config, {&alpha}, {service});
}

TEST(Continuity, SeedsAndSettleDoNotMatter)
{
	auto now = format();
	EXPECT_EQ(continuity_of(format(), now), Continuity::all);
	now.config.seed[0] = 2;
	now.config.settle_ns = 6;
	EXPECT_EQ(continuity_of(format(), now), Continuity::all);
}

TEST(Continuity, OfTheFlowsAloneWithOtherTables)
{
	auto fences = format();
	fences.config.fence_mask = 2047;
	EXPECT_EQ(continuity_of(format(), fences), Continuity::flows);
	auto service = format();
	service.servers[0].port = 7001;
	EXPECT_EQ(continuity_of(format(), service), Continuity::flows);
	auto version = format();
	version.version[0] ^= 1;
	EXPECT_EQ(continuity_of(format(), version), Continuity::flows);
	auto other = format();
	other.plugins = make_table_format(format().config, {&beta}, {}).plugins;
	EXPECT_EQ(continuity_of(format(), other), Continuity::flows);
	auto more = format();
	more.plugins = make_table_format(format().config, {&alpha, &beta}, {}).plugins;
	EXPECT_EQ(continuity_of(format(), more), Continuity::flows);
}

TEST(Continuity, NoneWithAnotherLayout)
{
	auto layout = format();
	++layout.layout;
	EXPECT_EQ(continuity_of(format(), layout), Continuity::none);
	auto flow = format();
	flow.flow_size += 8;
	EXPECT_EQ(continuity_of(format(), flow), Continuity::none);
	auto handshake = format();
	handshake.handshake_size += 8;
	EXPECT_EQ(continuity_of(format(), handshake), Continuity::none);
	auto config = format();
	config.config_size += 8;
	EXPECT_EQ(continuity_of(format(), config), Continuity::none);
}

TEST(LinkPin, IsReadAsItWasNamed)
{
	for (const auto kind : {LinkKind::xdp, LinkKind::ingress, LinkKind::egress}) {
		const LinkPin pin{kind, 4026531840, 17};
		EXPECT_EQ(LinkPin::parse(pin.name()), pin);
	}
	EXPECT_EQ((LinkPin{LinkKind::xdp, 12, 3}).name(), "ps_link_xdp_12_3");
	for (const auto *other :
	     {"ps_link_", "ps_flows", "ps_link_xdp", "ps_link_xdp_1", "ps_link_xdp_1_",
	      "ps_link_xdp_1_2x", "ps_link_xdp_1_2_3", "ps_link_tc_1_2", "new0_ps_link_xdp_1_2"}) {
		EXPECT_EQ(LinkPin::parse(other), std::nullopt) << other;
	}
}

} // namespace
} // namespace prestack
