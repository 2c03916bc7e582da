// SPDX-License-Identifier: GPL-2.0-only
// The command line reports configuration errors with their place, and finds an instance from anywhere.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

class Cli : public E2eTest
{
protected:
	static Finished prestack(std::vector<std::string> arguments, const Netns *ns = nullptr)
	{
		arguments.insert(arguments.begin(), *prestack_binary());
		return run(
			{.argv = std::move(arguments), .netns_fd = ns != nullptr ? ns->fd() : -1});
	}
};

struct BadConfig {
	const char *name;
	const char *from; // this part of the good file ...
	const char *to; // ... becomes this
	unsigned line; // where the error is, 0 for the file as a whole
	const char *says; // part of the message
};

// The file of the README, line by line.
constexpr const char *good_config = R"(interfaces = ["veth0"]
xdp_mode = "auto"                  # native | generic | auto

[cache]
memory = "64MiB"
associativity = 4                  # 1 = direct-mapped
max_value = 1024

[[service]]
protocol = "memcached"
port = 11211
transports = ["udp", "tcp"]
server = "10.0.0.1:11211"
allow = ["10.0.0.0/8", "fd00::/8"] # who may be answered from the kernel; others go to the server
)";

class CheckConfig : public Cli, public testing::WithParamInterface<BadConfig>
{
};

TEST_P(CheckConfig, NamesThePlaceAndTheMend)
{
	const BadConfig &bad = GetParam();
	std::string text = good_config;
	const auto at = text.find(bad.from);
	ASSERT_NE(at, std::string::npos);
	text.replace(at, std::string(bad.from).size(), bad.to);
	TempDir directory;
	const Netns server("server");
	const Netns client("client");
	const VethPair link(server, client, {});
	const std::string file = directory.write("bad.toml", text);
	for (const std::vector<std::string> &arguments :
	     {std::vector<std::string>{"check-config", file},
	      {"run", "--config", file, "--name", "pse2e-bad"}}) {
		const Finished finished = prestack(arguments, &server);
		EXPECT_EQ(finished.exit_code, 2) << finished.errors << finished.output;
		const std::string said = finished.errors + finished.output;
		const std::string place =
			bad.line == 0 ? file + ":" : file + ":" + std::to_string(bad.line);
		EXPECT_NE(said.find(place), std::string::npos) << "no " << place << " in: " << said;
		EXPECT_NE(said.find(bad.says), std::string::npos)
			<< "no \"" << bad.says << "\" in: " << said;
	}
}

INSTANTIATE_TEST_SUITE_P(
	Memcached, CheckConfig,
	testing::Values(
		BadConfig{"UnknownKey", "memory = ", "memry = ", 5, "memry"},
		BadConfig{"UnknownTable", "[cache]", "[cash]", 4, "cash"},
		BadConfig{"NotTomlAtAll", "associativity = 4", "associativity = = 4", 6, ""},
		BadConfig{"BadAssociativity", "associativity = 4", "associativity = 3", 6,
			  "associativity"},
		BadConfig{"BadMode", "\"auto\"", "\"fast\"", 2, "fast"},
		BadConfig{"BadMemory", "64MiB", "64 apples", 5, "memory"},
		BadConfig{"TooLittleMemory", "64MiB", "1KiB", 5, "memory"},
		BadConfig{"ValueTooLarge", "max_value = 1024", "max_value = 100000", 7,
			  "max_value"},
		BadConfig{"UnknownPlugin", "\"memcached\"", "\"memcashed\"", 10, "memcached"},
		BadConfig{"PortOutOfRange", "port = 11211", "port = 70000", 11, "port"},
		BadConfig{"UnknownTransport", "\"tcp\"]", "\"sctp\"]", 12, "sctp"},
		BadConfig{"BadServer", "\"10.0.0.1:11211\"", "\"10.0.0.1\"", 13, "server"},
		BadConfig{"BadPrefix", "10.0.0.0/8", "10.0.0.0/40", 14, "10.0.0.0/40"},
		BadConfig{"WrongType", "port = 11211", "port = \"11211\"", 11, "port"},
		BadConfig{"PortUsedTwice", "[[service]]",
			  "[[service]]\nprotocol = \"memcached\"\nport = 11211\ntransports = "
			  "[\"udp\"]\n"
			  "server = \"10.0.0.1:11211\"\nallow = [\"10.0.0.0/8\"]\n[[service]]",
			  17, "11211"}),
	[](const auto &info) { return std::string(info.param.name); });

TEST_F(Cli, TheReadmesConfigurationIsGood)
{
	TempDir directory;
	const Netns server("server");
	const Netns client("client");
	const VethPair link(server, client, {});
	link.server_address("10.0.0.1/24");
	const Finished finished =
		prestack({"check-config", directory.write("good.toml", good_config)}, &server);
	EXPECT_EQ(finished.exit_code, 0) << finished.errors;
	EXPECT_NE(finished.output.find("memory: "), std::string::npos) << finished.output;
}

// What only this host can tell. `--offline` does not ask it.
TEST_F(Cli, CheckConfigLooksAtTheHost)
{
	TempDir directory;
	const Netns server("server");
	const Netns client("client");
	const VethPair link(server, client, {});
	const auto expect_refused = [&](const char *from, const char *to, const char *place,
					const char *says) {
		std::string text = good_config;
		text.replace(text.find(from), std::string(from).size(), to);
		const std::string file = directory.write("other.toml", text);
		const Finished finished = prestack({"check-config", file}, &server);
		EXPECT_EQ(finished.exit_code, 2) << to << ": " << finished.output;
		EXPECT_NE(finished.errors.find(file + place), std::string::npos) << finished.errors;
		EXPECT_NE(finished.errors.find(says), std::string::npos) << finished.errors;
		EXPECT_EQ(prestack({"check-config", "--offline", file}, &server).exit_code, 0);
	};
	expect_refused("10.0.0.1:11211", "10.0.0.1:11211", ":13:", "not an address of this host");
	link.server_address("10.0.0.1/24");
	expect_refused("\"veth0\"", "\"lo\"", ":1:", "loopback");
	expect_refused("64MiB", "1000GiB", ":5:", "than the");
	attach_xdp_pass(server, "veth0");
	expect_refused("\"veth0\"", "\"veth0\"", ":1:", "XDP program already");
}

TEST_F(Cli, CheckConfigTakesARunningInstancesInterface)
{
	Testbed &testbed = Testbed::shared({});
	TempDir directory;
	const Finished finished = prestack(
		{"check-config", directory.write("good.toml", good_config)}, &testbed.server_ns());
	EXPECT_EQ(finished.exit_code, 0) << finished.errors;
}

TEST_F(Cli, AMissingInterfaceIsNamed)
{
	TempDir directory;
	const Netns empty("empty");
	const std::string file = directory.write("good.toml", good_config);
	const Finished finished = prestack({"check-config", file}, &empty);
	EXPECT_EQ(finished.exit_code, 2) << finished.errors;
	EXPECT_NE((finished.errors + finished.output).find(file + ":1"), std::string::npos)
		<< finished.errors;
	EXPECT_NE((finished.errors + finished.output).find("veth0"), std::string::npos)
		<< finished.errors;
}

TEST_F(Cli, UsageErrorsExitWithTwo)
{
	EXPECT_EQ(prestack({"no-such-command"}).exit_code, 2);
	EXPECT_EQ(prestack({"run"}).exit_code, 2);
	EXPECT_EQ(prestack({"stats", "--no-such-option"}).exit_code, 2);
	EXPECT_EQ(prestack({"check-config", "/no/such/file.toml"}).exit_code, 2);
	EXPECT_EQ(prestack({}).exit_code, 2);
}

TEST_F(Cli, HelpIsThere)
{
	for (const char *command : {"run", "check-config", "plugins", "status", "stats", "flush"}) {
		const Finished help = prestack({command, "--help"});
		EXPECT_EQ(help.exit_code, 0);
		EXPECT_NE(help.output.find(command), std::string::npos);
	}
	EXPECT_EQ(prestack({"--help"}).exit_code, 0);
}

TEST_F(Cli, PluginsListsThisOne)
{
	const Finished finished = prestack({"plugins", "--json"});
	EXPECT_EQ(finished.exit_code, 0);
	EXPECT_TRUE(nlohmann::json::accept(finished.output)) << finished.output;
	EXPECT_NE(finished.output.find("\"memcached\""), std::string::npos) << finished.output;
}

TEST_F(Cli, AnInstanceThatIsNotThereIsAFailure)
{
	for (const char *command : {"status", "stats", "flush"}) {
		const Finished finished = prestack({command, "--name", "pse2e-nobody"});
		EXPECT_EQ(finished.exit_code, 1) << command;
		EXPECT_NE(finished.errors.find("pse2e-nobody"), std::string::npos)
			<< finished.errors;
	}
}

TEST_F(Cli, StatsHoldWhatIsPromised)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("stats");
	testbed.store_and_warm(key, "value");
	testbed.write(store(key, "other"));
	testbed.warm(key);
	const nlohmann::json stats = testbed.prestack().stats();
	ASSERT_EQ(stats.at("services").size(), 1U);
	const nlohmann::json &service = stats.at("services").at(0);
	for (const char *counter : {"requests", "hits", "misses", "fills", "invalidations"}) {
		EXPECT_GT(service.at(counter).get<std::uint64_t>(), 0U) << counter;
	}
	EXPECT_TRUE(service.at("evictions").is_number_unsigned());
	EXPECT_TRUE(service.at("passed").is_object());
	EXPECT_GT(stats.at("entries").get<std::uint64_t>(), 0U);
	EXPECT_GT(stats.at("bytes").get<std::uint64_t>(), 0U);
	EXPECT_EQ(testbed.prestack().cli("stats").exit_code, 0);
	EXPECT_EQ(testbed.prestack().cli("status").exit_code, 0);
}

// `ip netns exec` mounts a /sys of its own, without /sys/fs/bpf; nsenter --net does not.
TEST_F(Cli, FindsTheInstanceFromEverywhere)
{
	Testbed &testbed = Testbed::shared({});
	const std::string binary = *prestack_binary();
	const std::string name = testbed.prestack().name();
	const auto hits = testbed.hits();
	for (const Netns *ns : {&testbed.server_ns(), &testbed.client_ns()}) {
		for (const std::vector<std::string> &prefix :
		     {std::vector<std::string>{"ip", "netns", "exec", ns->name()},
		      {"nsenter", "--net=/run/netns/" + ns->name()}}) {
			for (const char *command : {"status", "stats", "flush"}) {
				std::vector<std::string> argv = prefix;
				argv.insert(argv.end(),
					    {binary, command, "--json", "--name", name});
				const Finished finished = run({.argv = argv});
				EXPECT_EQ(finished.exit_code, 0)
					<< prefix[0] << " " << command << ": " << finished.errors;
				EXPECT_TRUE(nlohmann::json::accept(finished.output))
					<< finished.output;
			}
		}
	}
	EXPECT_EQ(testbed.hits(), hits);
}

// And an instance that was itself started under `ip netns exec` is found from outside.
TEST_F(Cli, AnInstanceStartedUnderIpNetnsExecIsFoundFromOutside)
{
	const Netns server("server");
	const Netns client("client");
	const VethPair link(server, client, {});
	link.server_address("10.0.0.1/24");
	link.client_address("10.0.0.2/24");
	const Memcached memcached(server, {.addresses = {"10.0.0.1"}});
	TempDir directory;
	const std::string file = directory.write("good.toml", good_config);
	const std::string &name = server.name(); // as unique as an instance name has to be
	Process running =
		Process::spawn({.argv = {"ip", "netns", "exec", server.name(), *prestack_binary(),
					 "run", "--config", file, "--name", name}});
	EXPECT_TRUE(eventually(
		[&] {
			return prestack({"status", "--name", name}).exit_code == 0;
		},
		default_patience, Milliseconds{20}))
		<< running.errors();
	EXPECT_EQ(prestack({"stats", "--json", "--name", name}).exit_code, 0);
	EXPECT_EQ(running.stop(), 0) << running.errors();
}

} // namespace
} // namespace prestack::test
