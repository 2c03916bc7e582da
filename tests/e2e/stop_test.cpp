// SPDX-License-Identifier: GPL-2.0-only
// `prestack stop`, and signals to `run`, wait for connections that need translation, or reset them.
#include <sys/socket.h>

#include <cerrno>
#include <csignal>

#include "takeover.hpp"

namespace prestack::test
{
namespace
{

class Stop : public TakeoverTest
{
protected:
	// Whether the connection was reset, as the client sees it.
	static bool is_reset(TcpClient &client)
	{
		char byte = 0;
		const ::ssize_t got = ::recv(client.fd(), &byte, 1, MSG_DONTWAIT);
		return got < 0 && errno == ECONNRESET;
	}
	// A connection on which the kernel has answered.
	void spliced(TcpClient &client, const std::string &key)
	{
		testbed().store_and_warm(key, "value");
		splice(client, key, "value");
	}
	void expect_now_resets(bool dead)
	{
		const std::string key = testbed().key("now");
		TcpClient client = testbed().tcp();
		TcpClient plain = testbed().tcp();
		spliced(client, key);
		ASSERT_EQ(plain.ask("version\r\n").substr(0, 8), "VERSION ");
		if (dead)
			prestack().kill9();
		const Finished stopped = prestack().cli("stop --now --json");
		EXPECT_EQ(stopped.exit_code, 0) << stopped.errors;
		EXPECT_GE(nlohmann::json::parse(stopped.output).at("reset").get<int>(), 1);
		EXPECT_TRUE(eventually([&] { return is_reset(client); }));
		EXPECT_EQ(plain.ask("version\r\n").substr(0, 8), "VERSION ");
		EXPECT_EQ(testbed().tcp().ask(get(key)), found(key, "value"));
		expect_nothing_left();
	}
};

TEST_F(Stop, EndsARunningInstance)
{
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("stop");
	ASSERT_EQ(client.ask(store(key, "value")), "STORED\r\n");
	const Finished stopped = prestack().cli("stop --json");
	EXPECT_EQ(stopped.exit_code, 0) << stopped.errors;
	const auto said = nlohmann::json::parse(stopped.output);
	EXPECT_EQ(said.at("was_dead"), false);
	EXPECT_EQ(said.at("reset"), 0);
	EXPECT_EQ(prestack().process().wait(), 0) << prestack().process().errors();
	expect_nothing_left();
	EXPECT_EQ(client.ask(get(key)), found(key, "value"));
	EXPECT_EQ(prestack().cli("stop").exit_code, 1) << "there is nothing to stop";
}

TEST_F(Stop, EndsAKilledInstance)
{
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("stop");
	ASSERT_EQ(client.ask(store(key, "value")), "STORED\r\n");
	prestack().kill9();
	ASSERT_TRUE(hooks().xdp);
	const Finished stopped = prestack().cli("stop --json");
	EXPECT_EQ(stopped.exit_code, 0) << stopped.errors;
	EXPECT_EQ(nlohmann::json::parse(stopped.output).at("was_dead"), true);
	expect_nothing_left();
	EXPECT_EQ(client.ask(get(key)), found(key, "value"));
	prestack().start();
	EXPECT_EQ(prestack().stop(), 0);
}

TEST_F(Stop, WaitsForSplicedConnectionsToClose)
{
	if (!serves_tcp())
		GTEST_SKIP() << "this build does not answer over TCP";
	const std::string key = testbed().key("drain");
	auto client = std::make_unique<TcpClient>(testbed().tcp());
	spliced(*client, key);
	Process stop = Process::spawn({.argv = {*prestack_binary(), "stop", "--timeout", "600s",
						"--name", prestack().name()}});
	EXPECT_TRUE(
		eventually([&] { return status().at("services").at(0).at("draining") == true; }));
	const auto hits = prestack().counter("stream_hits");
	for (int i = 0; i < 10; ++i) {
		const std::string value = "while it drains " + std::to_string(i);
		ASSERT_EQ(client->ask(store(key, value)), "STORED\r\n");
		ASSERT_EQ(client->ask(get(key)), found(key, value));
		ASSERT_EQ(client->ask(get(key)), found(key, value));
	}
	EXPECT_EQ(prestack().counter("stream_hits"), hits);
	EXPECT_TRUE(stop.running());
	EXPECT_TRUE(prestack().process().running());
	EXPECT_TRUE(hooks().xdp);
	client.reset();
	EXPECT_EQ(stop.wait(), 0) << stop.errors();
	EXPECT_EQ(prestack().process().wait(), 0);
	expect_nothing_left();
}

TEST_F(Stop, NowResetsSplicedConnectionsAndNoOthers)
{
	if (!serves_tcp())
		GTEST_SKIP() << "this build does not answer over TCP";
	expect_now_resets(false);
}

TEST_F(Stop, NowDoesSoForAKilledInstanceToo)
{
	if (!serves_tcp())
		GTEST_SKIP() << "this build does not answer over TCP";
	expect_now_resets(true);
}

TEST_F(Stop, AfterTheTimeoutSplicedConnectionsAreReset)
{
	if (!serves_tcp())
		GTEST_SKIP() << "this build does not answer over TCP";
	const std::string key = testbed().key("timeout");
	TcpClient client = testbed().tcp();
	spliced(client, key);
	EXPECT_EQ(prestack().cli("stop --timeout 100ms").exit_code, 0);
	EXPECT_EQ(prestack().process().wait(), 0);
	EXPECT_TRUE(eventually([&] { return is_reset(client); }));
	expect_nothing_left();
}

TEST_F(Stop, ASecondSignalDoesNotWait)
{
	if (!serves_tcp())
		GTEST_SKIP() << "this build does not answer over TCP";
	prestack().stop();
	change_config("drain_timeout = \"0s\"", "drain_timeout = \"600s\"");
	prestack().start();
	testbed().reconnect();
	const std::string key = testbed().key("signals");
	TcpClient client = testbed().tcp();
	spliced(client, key);
	prestack().process().signal(SIGTERM);
	EXPECT_TRUE(
		eventually([&] { return status().at("services").at(0).at("draining") == true; }));
	EXPECT_TRUE(prestack().process().running());
	prestack().process().signal(SIGTERM);
	EXPECT_EQ(prestack().process().wait(), 0);
	EXPECT_TRUE(eventually([&] { return is_reset(client); }));
	expect_nothing_left();
}

} // namespace
} // namespace prestack::test
