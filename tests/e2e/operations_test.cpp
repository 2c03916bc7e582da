// SPDX-License-Identifier: GPL-2.0-only
// What an operator does to a running instance: signals, reloads, commands without a name; and a loader that
// hangs.
#include <csignal>
#include <cstdio>

#include "support/hooks.hpp"
#include "takeover.hpp"

namespace prestack::test
{
namespace
{

class Operations : public TakeoverTest
{
protected:
	std::string log() { return prestack().process().errors(); }
	bool logs(const std::string &text)
	{
		return eventually([&] { return log().find(text) != std::string::npos; });
	}
	void reload() { prestack().process().signal(SIGHUP); }
	static Finished command(const Netns &ns, std::vector<std::string> arguments)
	{
		arguments.insert(arguments.begin(), *prestack_binary());
		return run({.argv = std::move(arguments), .netns_fd = ns.fd()});
	}
	void hang()
	{
		prestack().process().signal(SIGSTOP);
		EXPECT_TRUE(eventually([&] { return prestack().cli("status").exit_code == 1; }))
			<< "status does not see that the loader is stopped";
	}
};

TEST_F(Operations, NoStraySignalEndsTheLoader)
{
	const std::string key = testbed().key("signal");
	testbed().store_and_warm(key, "value");
	for (const int number : {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF,
				 SIGIO, SIGPWR, SIGXFSZ, SIGRTMIN, SIGRTMAX}) {
		prestack().process().signal(number);
		EXPECT_FALSE(prestack().process().wait(Milliseconds{50})) << strsignal(number);
	}
	testbed().read_hit(get(key));
	EXPECT_EQ(prestack().stop(), 0);
	EXPECT_EQ(hooks(), Hooks{});
}

TEST_F(Operations, Usr1TellsStatistics)
{
	const std::string key = testbed().key("usr1");
	testbed().store_and_warm(key, "value");
	prestack().process().signal(SIGUSR1);
	EXPECT_TRUE(logs("SIGUSR1 from uid 0, process " + std::to_string(::getpid()))) << log();
	EXPECT_TRUE(logs("hit ratio")) << log();
	EXPECT_EQ(log().find(key), std::string::npos) << "a key of a client: " << log();
}

TEST_F(Operations, HupReloadsWhoMayBeAnswered)
{
	const std::string key = testbed().key("reload");
	testbed().store_and_warm(key, "value");
	testbed().read_hit(get(key));
	change_config("\"10.0.0.0/8\"", "\"192.168.0.0/16\"");
	reload();
	EXPECT_TRUE(logs("1 keys changed")) << log();
	EXPECT_NE(log().find("service[0].allow: was"), std::string::npos) << log();
	testbed().read_pass(get(key));
	EXPECT_EQ(status().at("services").at(0).at("allow").at(0), "192.168.0.0/16");
	change_config("\"192.168.0.0/16\"", "\"10.0.0.0/8\"");
	reload();
	EXPECT_TRUE(eventually(
		[&] { return status().at("services").at(0).at("allow").at(0) == "10.0.0.0/8"; }));
	testbed().read_hit(get(key));
}

TEST_F(Operations, AReloadThatNeedsARestartChangesNothing)
{
	const std::string key = testbed().key("refused");
	testbed().store_and_warm(key, "value");
	change_config("\"10.0.0.0/8\"", "\"192.168.0.0/16\"");
	change_tables();
	reload();
	EXPECT_TRUE(logs("not reloaded: nothing is changed")) << log();
	EXPECT_NE(log().find(prestack().config_file() + ":"), std::string::npos) << log();
	EXPECT_NE(log().find("cache.associativity: was 4, is 8"), std::string::npos) << log();
	testbed().read_hit(get(key));
	EXPECT_EQ(status().at("services").at(0).at("allow").at(0), "10.0.0.0/8");
}

TEST_F(Operations, AReloadOfABrokenFileChangesNothing)
{
	const std::string key = testbed().key("broken");
	testbed().store_and_warm(key, "value");
	change_config("associativity = 4", "associativity = = 4");
	reload();
	EXPECT_TRUE(logs("not reloaded: nothing is changed")) << log();
	EXPECT_NE(log().find(prestack().config_file() + ":"), std::string::npos) << log();
	testbed().read_hit(get(key));
}

TEST_F(Operations, CommandsLeaveALineWithWhoAsked)
{
	ASSERT_EQ(prestack().cli("flush").exit_code, 0);
	EXPECT_TRUE(logs("flush of all services: asked for by uid 0")) << log();
	ASSERT_EQ(prestack().cli("flush --service memcached-11211").exit_code, 0);
	EXPECT_TRUE(logs("flush of service memcached-11211: asked for by uid 0")) << log();
	ASSERT_EQ(prestack().cli("stop --now").exit_code, 0);
	EXPECT_TRUE(logs("stop --now: asked for by uid 0")) << log();
}

TEST_F(Operations, ALoaderThatHangsIsSaid)
{
	EXPECT_TRUE(eventually([&] { return prestack().cli("health").exit_code == 0; }));
	hang();
	const Finished said = prestack().cli("status");
	EXPECT_NE(said.errors.find("hangs"), std::string::npos) << said.errors;
	EXPECT_EQ(status().at("hung"), true);
	const Finished health = prestack().cli("health");
	EXPECT_EQ(health.exit_code, 1);
	EXPECT_NE(health.output.find("the loader hangs"), std::string::npos) << health.output;
	EXPECT_EQ(prestack().cli("stats").exit_code, 0);
	EXPECT_EQ(prestack().cli("stop").exit_code, 1) << "only --now kills";
	prestack().process().signal(SIGCONT);
	EXPECT_TRUE(eventually([&] { return prestack().cli("health").exit_code == 0; }))
		<< prestack().cli("health").output;
}

TEST_F(Operations, StopNowEndsALoaderThatHangs)
{
	TcpClient client = testbed().tcp();
	const std::string key = testbed().key("hung");
	ASSERT_EQ(client.ask(store(key, "value")), "STORED\r\n");
	hang();
	const Finished stopped = prestack().cli("stop --now --json");
	EXPECT_EQ(stopped.exit_code, 0) << stopped.errors;
	EXPECT_EQ(nlohmann::json::parse(stopped.output).at("was_hung"), true);
	EXPECT_EQ(prestack().process().wait(), 128 + SIGKILL);
	expect_nothing_left();
	EXPECT_EQ(client.ask(get(key)), found(key, "value"));
}

TEST_F(Operations, StatsOfADeadInstance)
{
	const std::string key = testbed().key("dead");
	testbed().store_and_warm(key, "value");
	testbed().read_hit(get(key));
	prestack().kill9();
	const Finished finished = prestack().cli("stats --json");
	ASSERT_EQ(finished.exit_code, 0) << finished.errors;
	const auto stats = nlohmann::json::parse(finished.output);
	EXPECT_EQ(stats.at("alive"), false);
	EXPECT_GT(stats.at("services").at(0).at("hits").get<int>(), 0);
	const Finished text = prestack().cli("stats");
	EXPECT_NE(text.output.find("dead"), std::string::npos) << text.output;
	EXPECT_EQ(prestack().cli("health").exit_code, 1);
}

TEST_F(Operations, WithoutANameTheOnlyInstanceOfTheNamespaceIsMeant)
{
	for (const char *word : {"status", "health", "stats", "flush"})
		EXPECT_EQ(command(testbed().server_ns(), {word}).exit_code, 0) << word;
	for (const char *word : {"status", "health", "stats", "flush", "stop"}) {
		const Finished elsewhere = command(testbed().client_ns(), {word});
		EXPECT_EQ(elsewhere.exit_code, 1) << word;
		EXPECT_NE(elsewhere.errors.find(prestack().name()), std::string::npos)
			<< "it says what there is: " << elsewhere.errors;
	}
	EXPECT_TRUE(prestack().process().running());
	EXPECT_EQ(command(testbed().server_ns(), {"stop"}).exit_code, 0);
	EXPECT_EQ(prestack().process().wait(), 0);
}

TEST_F(Operations, WithoutANameSeveralInstancesAreListed)
{
	const VethPair second_link(testbed().server_ns(), testbed().client_ns(),
				   {.name = "veth1", .id = 1});
	second_link.server_address("10.1.0.1/24");
	PrestackOptions options{.interfaces = {"veth1"}};
	options.services.front().port = 11'212;
	options.services.front().server = "10.1.0.1:11212";
	const Prestack second(testbed().server_ns(), options);
	for (const char *word : {"status", "health", "stats", "flush", "stop"}) {
		const Finished refused = command(testbed().server_ns(), {word});
		EXPECT_EQ(refused.exit_code, 1) << word;
		for (const auto &name : {prestack().name(), second.name()})
			EXPECT_NE(refused.errors.find(name), std::string::npos) << refused.errors;
	}
}

TEST_F(Operations, StatusTellsAllMemory)
{
	const auto memory = status().at("memory");
	std::uint64_t sum = 0;
	for (const char *part : {"entries", "fences", "flows", "handshakes", "other"})
		sum += memory.at(part).get<std::uint64_t>();
	EXPECT_EQ(memory.at("total"), sum);
	EXPECT_NE(prestack().cli("status").output.find("in all"), std::string::npos);
}

TEST_F(Operations, AMissingCapabilityIsNamed)
{
	const Finished finished =
		run({.argv = {"setpriv", "--bounding-set=-perfmon", *prestack_binary(), "run",
			      "--config", prestack().config_file(), "--name", "pse2e-caps"},
		     .netns_fd = testbed().server_ns().fd()});
	EXPECT_EQ(finished.exit_code, 1);
	EXPECT_NE(finished.errors.find("lacks CAP_PERFMON"), std::string::npos) << finished.errors;
}

} // namespace
} // namespace prestack::test
