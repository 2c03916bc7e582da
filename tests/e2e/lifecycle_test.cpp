// SPDX-License-Identifier: GPL-2.0-only
// Instances start, stop, crash, restart and refuse to start, and leave nothing behind. The loader
// attaches the egress hook itself, which BMC leaves to the user: defect (i).
#include <sys/stat.h>

#include "fixture.hpp"
#include "support/hooks.hpp"

namespace prestack::test
{
namespace
{

class Lifecycle : public E2eTest
{
protected:
	// Of its own for every test: each stops, kills or restarts something.
	Testbed &testbed()
	{
		if (!testbed_)
			testbed_ = std::make_unique<Testbed>(TestbedOptions{});
		return *testbed_;
	}
	Hooks hooks() { return hooks_of(testbed().server_ns(), "veth0"); }

	// Starts another instance from its own file, which must refuse; returns what it said.
	Finished refused_run(const std::string &toml, const std::string &name)
	{
		TempDir directory;
		Process second = spawn_prestack_run(testbed().server_ns(),
						    directory.write("second.toml", toml), name);
		const auto code = second.wait();
		if (!code)
			return {.output = second.output(),
				.errors = "still running: " + second.errors()};
		return {*code, second.output(), second.errors()};
	}

private:
	std::unique_ptr<Testbed> testbed_;
};

class EgressHook : public Lifecycle
{
};

TEST_F(EgressHook, TheLoaderAttachesTheEgressHookAndStopRemovesIt)
{
	EXPECT_TRUE(hooks().xdp);
	EXPECT_GE(hooks().tc_egress, 1U);
	const std::string key = testbed().key("egress");
	testbed().store_and_warm(key, "value");
	EXPECT_EQ(testbed().prestack().stop(), 0) << testbed().prestack().process().errors();
	EXPECT_EQ(hooks(), Hooks{}) << "left attached after stop";
}

TEST_F(Lifecycle, StopLeavesNothingAndTrafficFlows)
{
	const std::string key = testbed().key("stop");
	testbed().store_and_warm(key, "value");
	const std::string name = testbed().prestack().name();
	const auto gets = testbed().memcached().stat("cmd_get");
	EXPECT_EQ(testbed().prestack().stop(), 0);
	EXPECT_EQ(testbed().read(get(key)), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
	EXPECT_EQ(testbed().memcached().stat("cmd_get"), gets + 1);
	EXPECT_EQ(hooks(), Hooks{});
	struct stat unused;
	EXPECT_NE(::stat(("/sys/fs/bpf/prestack/" + name).c_str(), &unused), 0) << "still pinned";
	for (const char *command : {"status", "stats --json", "flush"}) {
		const Finished finished = testbed().prestack().cli(command);
		EXPECT_EQ(finished.exit_code, 1) << command << ": " << finished.output;
		EXPECT_NE(finished.errors, "") << command;
	}
}

TEST_F(Lifecycle, InterruptStopsCleanlyToo)
{
	testbed().prestack().process().signal(SIGINT);
	EXPECT_EQ(testbed().prestack().process().wait(), 0);
	EXPECT_EQ(hooks(), Hooks{});
}

TEST_F(Lifecycle, ASecondRunOnTheSameInterfaceIsRefused)
{
	const Hooks before = hooks();
	const Finished second =
		refused_run(PrestackOptions{}.toml(), testbed().prestack().name() + "-b");
	EXPECT_EQ(second.exit_code, 1) << second.errors;
	EXPECT_NE(second.errors.find("veth0"), std::string::npos) << second.errors;
	EXPECT_EQ(hooks(), before);
	const std::string key = testbed().key("refused");
	testbed().store_and_warm(key, "value");
	testbed().read_hit(get(key));
}

TEST_F(Lifecycle, ASecondRunOfTheSameNameIsRefused)
{
	const Hooks before = hooks();
	const Finished second = refused_run(PrestackOptions{}.toml(), testbed().prestack().name());
	EXPECT_EQ(second.exit_code, 1) << second.errors;
	EXPECT_NE(second.errors.find(testbed().prestack().name()), std::string::npos)
		<< second.errors;
	EXPECT_EQ(hooks(), before);
	const std::string key = testbed().key("refused");
	testbed().store_and_warm(key, "value");
	testbed().read_hit(get(key));
}

TEST_F(Lifecycle, KillLeavesTrafficFlowingAndANewRunRecovers)
{
	const std::string key = testbed().key("kill");
	testbed().store_and_warm(key, "old");
	for (int round = 0; round < 3; ++round) {
		testbed().prestack().kill9();
		// What is attached goes on following connections, and soon serves nothing.
		EXPECT_TRUE(hooks().xdp);
		const std::string value = "written while nobody looked " + std::to_string(round);
		testbed().write(store(key, value));
		EXPECT_EQ(testbed().read(get(key)), "VALUE " + key + " 0 " +
							    std::to_string(value.size()) + "\r\n" +
							    value + "\r\nEND\r\n");
		EXPECT_TRUE(eventually([&] {
			const Finished status = testbed().prestack().cli("status --json");
			return !nlohmann::json::parse(status.output)["services"][0]["watched"];
		})) << "something still serves";
		EXPECT_EQ(testbed().prestack().cli("status").exit_code, 1);
		testbed().prestack().start();
		testbed().reconnect();
		testbed().read(get(key));
		testbed().warm(key);
		testbed().read_hit(get(key));
		EXPECT_EQ(hooks().tc_egress, 1U)
			<< "the killed run's hook is replaced, not kept beside";
	}
	EXPECT_EQ(testbed().prestack().stop(), 0);
	EXPECT_EQ(hooks(), Hooks{});
}

TEST_F(Lifecycle, AStartThatFailsLeavesNothingAttached)
{
	testbed().prestack().stop();
	const PrestackOptions missing{.interfaces = {"veth0", "nosuch0"}};
	const Finished finished = refused_run(missing.toml(), testbed().prestack().name());
	EXPECT_NE(finished.exit_code, 0);
	EXPECT_NE(finished.errors.find("nosuch0"), std::string::npos) << finished.errors;
	EXPECT_EQ(hooks(), Hooks{});
}

TEST_F(Lifecycle, FlushEmptiesTheCache)
{
	const std::string key = testbed().key("flush");
	testbed().store_and_warm(key, "value");
	EXPECT_GT(testbed().prestack().stats().at("entries").get<std::uint64_t>(), 0U);
	testbed().prestack().flush();
	EXPECT_EQ(testbed().prestack().stats().at("entries").get<std::uint64_t>(), 0U);
	testbed().read_pass(get(key));
	testbed().warm(key);
	testbed().read_hit(get(key));
}

// The new process has none of the items. What the cache still holds must go once the loader has
// noticed, and never come back.
TEST_F(Lifecycle, ARestartOfMemcachedEmptiesTheCache)
{
	const std::string key = testbed().key("restart");
	testbed().store_and_warm(key, "of the first process");
	testbed().memcached().restart();
	EXPECT_TRUE(eventually([&] { return testbed().udp_client().ask(get(key)) == "END\r\n"; }));
	for (int round = 0; round < 20; ++round)
		EXPECT_EQ(testbed().udp_client().ask(get(key)), "END\r\n");
	testbed().tcp().ask(store(key, "of the second process"));
	const std::uint64_t hits = testbed().hits();
	EXPECT_TRUE(eventually([&] {
		EXPECT_EQ(testbed().udp_client().ask(get(key)),
			  "VALUE " + key + " 0 21\r\nof the second process\r\nEND\r\n");
		return testbed().hits() > hits;
	})) << "the new process's replies are not cached\n"
	    << testbed().prestack().stats().dump(2);
}

TEST_F(Lifecycle, TwoInstancesByNameOnTwoInterfaces)
{
	const VethPair second_link(testbed().server_ns(), testbed().client_ns(),
				   {.name = "veth1", .id = 1});
	second_link.server_address("10.1.0.1/24");
	second_link.client_address("10.1.0.2/24");
	constexpr std::uint16_t port = 11'212;
	Memcached second_server(testbed().server_ns(), {.addresses = {"10.1.0.1"}, .port = port});
	PrestackOptions options{.interfaces = {"veth1"}};
	options.services.front().port = port;
	options.services.front().server = "10.1.0.1:11212";
	Prestack second(testbed().server_ns(), options);
	UdpClient client(testbed().client_ns(), {"10.1.0.1", port});
	TcpClient(testbed().client_ns(), {"10.1.0.1", port}).ask(store("key", "second"));
	EXPECT_TRUE(eventually([&] {
		EXPECT_EQ(client.ask(get("key")), "VALUE key 0 6\r\nsecond\r\nEND\r\n");
		return second.counter("hits") > 0;
	}));
	EXPECT_EQ(testbed().hits(), 0U);
	EXPECT_EQ(second.stop(), 0);
	const std::string key = testbed().key("both");
	testbed().store_and_warm(key, "first");
	testbed().read_hit(get(key));
}

TEST_F(Lifecycle, AnInterfaceThatGoesAwayTakesNothingWithIt)
{
	const std::string key = testbed().key("gone");
	testbed().store_and_warm(key, "value");
	testbed().server_ns().ip("link del veth0");
	// It may end by itself (with a reason) or wait to be stopped; either way it ends cleanly.
	if (testbed().prestack().process().running()) {
		EXPECT_EQ(testbed().prestack().stop(), 0);
	}
	EXPECT_LT(testbed().prestack().process().wait().value_or(255), 128)
		<< testbed().prestack().process().errors();
}

} // namespace
} // namespace prestack::test
