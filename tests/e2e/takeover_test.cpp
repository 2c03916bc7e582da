// SPDX-License-Identifier: GPL-2.0-only
// When a loader is killed, its connections go on, and the next loader takes them over.
#include <cstdlib>

#include "takeover.hpp"

namespace prestack::test
{
namespace
{

using Takeover = TakeoverTest;

TEST_F(Takeover, AKilledLoaderLeavesItsProgramsAndSaysSo)
{
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("killed");
	use(client, key, "before");
	prestack().kill9();
	EXPECT_TRUE(hooks().xdp);
	EXPECT_EQ(hooks().tc_ingress, 1U);
	EXPECT_EQ(hooks().tc_egress, 1U);
	use(client, key, "while nobody is there");
	const Finished shown = prestack().cli("status");
	EXPECT_EQ(shown.exit_code, 1);
	EXPECT_NE(shown.output.find("still attached"), std::string::npos) << shown.output;
	EXPECT_EQ(status().at("alive"), false);
	EXPECT_EQ(status().at("attached"), true);
	EXPECT_GE(status().at("connections").at("followed").get<int>(), 1);
	// What was served a second ago is not any more.
	EXPECT_TRUE(eventually([&] { return !status().at("services").at(0).at("watched"); }));
	testbed().write(store(key, "written while nobody is there"));
	testbed().read(get(key));
}

TEST_F(Takeover, ConnectionsAreFollowedThroughIt)
{
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("follow");
	use(client, key, "before");
	testbed().store_and_warm(key, "warm");
	const auto flows = prestack().counter("flows");
	const auto lost = prestack().counter("flows_lost");
	const auto unknown = prestack().counter("flows_unknown");
	for (int round = 0; round < 5; ++round) {
		SCOPED_TRACE("round " + std::to_string(round));
		const std::string label = "round " + std::to_string(round);
		prestack().kill9();
		use(client, key, label + " alone");
		// In the middle of a write.
		client.send("set " + key + " 0 0 10\r\n01234");
		prestack().start();
		client.send("56789\r\n");
		ASSERT_EQ(client.receive(), "STORED\r\n");
		EXPECT_FALSE(status().at("services").at(0).at("waiting"))
			<< "for connections that are followed";
		ASSERT_EQ(client.ask(get(key)), found(key, "0123456789"));
		use(client, key, label);
		// The cache works, and knows nothing of before.
		testbed().store_and_warm(key, label);
		testbed().read_hit(get(key));
		ASSERT_EQ(client.ask(store(key, "over the old connection")), "STORED\r\n");
		EXPECT_EQ(testbed().udp_client().ask(get(key)),
			  found(key, "over the old connection"));
	}
	EXPECT_EQ(prestack().counter("flows"), flows);
	EXPECT_EQ(prestack().counter("flows_lost"), lost);
	EXPECT_EQ(prestack().counter("flows_unknown"), unknown);
	EXPECT_EQ(hooks().tc_egress, 1U);
	EXPECT_EQ(prestack().stop(), 0);
	expect_nothing_left();
	TcpClient after = testbed().tcp();
	use(after, key, "without prestack");
}

TEST_F(Takeover, SplicedConnectionsGoOn)
{
	if (!serves_tcp())
		GTEST_SKIP() << "this build does not answer over TCP";
	TcpClient client = testbed().tcp();
	TcpClient other = testbed().tcp();
	const std::string key = testbed().key("spliced");
	for (int round = 0; round < 5; ++round) {
		SCOPED_TRACE("round " + std::to_string(round));
		testbed().store_and_warm(key, "value");
		splice(client, key, "value");
		splice(other, key, "value");
		const auto both = translated();
		EXPECT_GE(both, 2U);
		prestack().kill9();
		EXPECT_EQ(translated(), both);
		use(client, key, "alone");
		use(other, key, "alone, too");
		prestack().start();
		EXPECT_EQ(translated(), both);
		EXPECT_FALSE(status().at("services").at(0).at("waiting"));
		use(client, key, "again");
		use(other, key, "again, too");
	}
}

// They are translated, and never answered by the kernel again.
TEST_F(Takeover, SplicedConnectionsGoOnWithOtherTables)
{
	if (!serves_tcp())
		GTEST_SKIP() << "this build does not answer over TCP";
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("spliced");
	testbed().store_and_warm(key, "value");
	splice(client, key, "value");
	prestack().kill9();
	change_tables();
	prestack().start();
	EXPECT_GE(translated(), 1U);
	use(client, key, "again");
	const auto hits = prestack().counter("stream_hits");
	ASSERT_EQ(client.ask(store(key, "last")), "STORED\r\n");
	for (int i = 0; i < 20; ++i)
		ASSERT_EQ(client.ask(get(key)), found(key, "last"));
	EXPECT_EQ(prestack().counter("stream_hits"), hits);
}

// The new loader has other tables: connections go on, and what they write is noticed all the same.
TEST_F(Takeover, WithOtherTables)
{
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("tables");
	use(client, key, "before");
	prestack().kill9();
	change_tables();
	prestack().start();
	EXPECT_NE(prestack().process().errors().find("taking over"), std::string::npos);
	EXPECT_GE(prestack().counter("flows_lost"), 1U);
	EXPECT_FALSE(status().at("services").at(0).at("waiting"));
	use(client, key, "after");
	for (int i = 0; i < 10; ++i) {
		testbed().udp_client().ask(get(key));
		const std::string value = "over the old connection " + std::to_string(i);
		ASSERT_EQ(client.ask(store(key, value)), "STORED\r\n");
		EXPECT_EQ(testbed().udp_client().ask(get(key)), found(key, value));
	}
	EXPECT_EQ(prestack().stop(), 0);
	expect_nothing_left();
}

// With filters on a qdisc in the place of TCX links.
TEST_F(Takeover, WithClsact)
{
	::setenv("PRESTACK_TC", "clsact", 1);
	testbed();
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("clsact");
	use(client, key, "before");
	const auto unknown = prestack().counter("flows_unknown");
	for (int round = 0; round < 3; ++round) {
		prestack().kill9();
		EXPECT_TRUE(hooks().xdp);
		EXPECT_EQ(hooks().tc_egress, 1U);
		use(client, key, "alone");
		prestack().start();
		EXPECT_EQ(hooks().tc_ingress, 1U);
		EXPECT_EQ(hooks().tc_egress, 1U);
		use(client, key, "again");
	}
	EXPECT_EQ(prestack().counter("flows_unknown"), unknown);
	prestack().kill9();
	::unsetenv("PRESTACK_TC");
	EXPECT_EQ(prestack().cli("stop --now").exit_code, 0);
	expect_nothing_left();
}

// An interface that was made anew in between.
TEST_F(Takeover, OfAnInterfaceThatIsGone)
{
	prestack().kill9();
	testbed().server_ns().ip("link del veth0");
	const VethPair again(testbed().server_ns(), testbed().client_ns(), {});
	again.server_address("10.0.0.1/24");
	again.client_address("10.0.0.2/24");
	prestack().start();
	EXPECT_TRUE(hooks().xdp);
	EXPECT_EQ(prestack().stop(), 0);
	expect_nothing_left();
}

// Without TCP nothing is translated: there a killed loader leaves nothing attached.
TEST_F(E2eTest, DatagramsAloneNeedNothingToOutliveTheLoader)
{
	Testbed testbed({.transports = {"udp"}});
	testbed.prestack().kill9();
	EXPECT_FALSE(hooks_of(testbed.server_ns(), "veth0").xdp);
	testbed.prestack().start();
	EXPECT_EQ(testbed.prestack().stop(), 0);
	EXPECT_EQ(hooks_of(testbed.server_ns(), "veth0"), Hooks{});
}

} // namespace
} // namespace prestack::test
