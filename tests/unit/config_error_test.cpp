// SPDX-License-Identifier: GPL-2.0-only
// The configuration reader reports each error once, with its place in the file and how to mend it.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "config_fixture.hpp"

namespace prestack
{
namespace
{

// One edit of the minimal file, and the one line that must be reported for it.
struct BadCase {
	std::string_view name;
	std::string_view replace; // this text of `minimal` ...
	std::string_view with; // ... by this one; an empty `replace` appends instead
	std::string_view message; // a part of the message, from its start
	std::string_view mend; // and some other part
};

std::string edited(const BadCase &bad)
{
	std::string text(minimal);
	if (bad.replace.empty()) {
		return text + std::string(bad.with);
	}
	const auto at = text.find(bad.replace);
	EXPECT_NE(at, std::string::npos) << bad.replace;
	return text.replace(at, bad.replace.size(), bad.with);
}

class BadConfig : public testing::TestWithParam<BadCase>
{
};

TEST_P(BadConfig, IsReportedOnceWithPlaceAndMend)
{
	const auto config = parse(edited(GetParam()));
	ASSERT_FALSE(config);
	ASSERT_EQ(config.error().size(), 1u) << joined(config.error());
	const auto &error = config.error().front();
	EXPECT_EQ(error.kind, ErrorKind::config);
	const auto text = to_string(error);
	EXPECT_TRUE(text.starts_with(GetParam().message)) << text;
	EXPECT_NE(text.find(GetParam().mend), std::string::npos) << text;
}

const BadCase bad_cases[] = {
	{"Syntax", "port = 7000", "port = ", "test.toml:4:", "not valid TOML"},
	{"UnknownRootKey", "interfaces", "xdp_mod = \"auto\"\ninterfaces",
	 "test.toml:1:1: xdp_mod: is not a known key", "did you mean \"xdp_mode\"?"},
	{"UnknownServiceKey", "port = 7000", "port = 7000\ntransport = 1",
	 "test.toml:5:1: service[0].transport: is not a known key", "did you mean \"transports\"?"},
	{"UnknownCacheKey", "", "[cache]\nzzz = 1\n",
	 "test.toml:9:1: cache.zzz: is not a known key", "known here: \"memory\""},
	{"NoInterfaces", "interfaces = [\"eth0\"]", "", "test.toml:1:1: interfaces: is missing",
	 "list the interfaces"},
	{"EmptyInterfaces", "[\"eth0\"]", "[]", "test.toml:1:14: interfaces: is empty",
	 "list the interfaces"},
	{"InterfacesAString", "[\"eth0\"]", "\"eth0\"", "test.toml:1:14: interfaces: is a string",
	 "list of strings"},
	{"InterfaceTwice", "[\"eth0\"]", "[\"eth0\", \"eth0\"]",
	 "test.toml:1:23: interfaces: names \"eth0\" twice", "remove one"},
	{"InterfaceTooLong", "\"eth0\"", "\"interface0123456\"",
	 "test.toml:1:15: interfaces: names \"interface0123456\", which cannot be an interface",
	 "1..15"},
	{"InterfaceNotAName", "\"eth0\"", "7", "test.toml:1:15: interfaces: holds a whole number",
	 "strings"},
	{"XdpMode", "interfaces", "xdp_mode = \"driver\"\ninterfaces",
	 "test.toml:1:12: xdp_mode: is \"driver\"", "write \"native\", \"generic\" or \"auto\""},
	{"XdpModeNumber", "interfaces", "xdp_mode = 1\ninterfaces",
	 "test.toml:1:12: xdp_mode: is a whole number", "string in quotes"},
	{"CacheNotATable", "interfaces", "cache = 1\ninterfaces",
	 "test.toml:1:9: cache: is not a table", "[cache]"},
	{"MemoryUnit", "", "[cache]\nmemory = \"64MB\"\n",
	 "test.toml:9:10: cache.memory: \"64MB\" has the unknown unit \"MB\"", "\"64MiB\""},
	{"MemoryFraction", "", "[cache]\nmemory = 1.5\n",
	 "test.toml:9:10: cache.memory: is neither", "\"64MiB\""},
	{"MemoryTooLittle", "", "[cache]\nmemory = \"64KiB\"\n",
	 "test.toml:9:10: cache.memory: 64KiB is too little for associativity 4, max_key 250 and "
	 "max_value 1024",
	 "the least that works is \"123KiB\""},
	{"MemoryNegative", "", "[cache]\nmemory = -1\n",
	 "test.toml:9:10: cache.memory: 0 is too little", "least"},
	{"MemoryTooMuch", "", "[cache]\nmemory = \"2048GiB\"\n",
	 "test.toml:9:10: cache.memory: is more than 1024GiB", ""},
	{"AssociativityThree", "", "[cache]\nassociativity = 3\n",
	 "test.toml:9:17: cache.associativity: is 3", "1 (direct-mapped), 2, 4, 8 or 16"},
	{"AssociativityZero", "", "[cache]\nassociativity = 0\n",
	 "test.toml:9:17: cache.associativity: is 0, which is not in 1..16", ""},
	{"MaxKey", "", "[cache]\nmax_key = 251\n",
	 "test.toml:9:11: cache.max_key: is 251, which is not in 1..250", ""},
	{"MaxValue", "", "[cache]\nmax_value = 65536\n",
	 "test.toml:9:13: cache.max_value: is 65536, which is not in 1..1400", ""},
	{"MaxValueString", "", "[cache]\nmax_value = \"1KiB\"\n",
	 "test.toml:9:13: cache.max_value: is a string", "without quotes"},
	{"DrainTooLong", "interfaces", "drain_timeout = \"90m\"\ninterfaces",
	 "test.toml:1:17: drain_timeout: is \"90m\", which is not in 0s..3600s", ""},
	{"SettleUnit", "", "[cache]\nsettle = \"100\"\n",
	 "test.toml:9:10: cache.settle: \"100\" has no unit", "\"100ms\""},
	{"SettleTooLong", "", "[cache]\nsettle = \"2m\"\n",
	 "test.toml:9:10: cache.settle: is \"2m\", which is not in 1ms..60s", ""},
	{"Flows", "", "[cache]\nflows = 15\n",
	 "test.toml:9:9: cache.flows: is 15, which is not in 16..1048576", ""},
	{"AuditRate", "", "[cache]\naudit_rate = 1001\n",
	 "test.toml:9:14: cache.audit_rate: is 1001, which is not in 0..1000", ""},
	{"WarmRate", "", "[cache]\nwarm_rate = -1\n",
	 "test.toml:9:13: cache.warm_rate: is -1, which is not in 0..10000", ""},
	{"ExistingConnections", "", "existing_connections = \"ignore\"\n",
	 "test.toml:8:24: service[0].existing_connections: is \"ignore\"", "reset"},
	{"SmallShare", "", "[cache]\nsmall_share = 1.0\n",
	 "test.toml:9:15: cache.small_share: is 1, which is not in 0.05..0.95", ""},
	{"SmallShareNan", "", "[cache]\nsmall_share = nan\n",
	 "test.toml:9:15: cache.small_share: is nan", ""},
	{"ServiceOneBracket", "[[service]]", "[service]",
	 "test.toml:2:1: service: is not a list of tables", "two brackets"},
	{"UnknownProtocol", "\"alpha\"", "\"alhpa\"",
	 "test.toml:3:12: service[0].protocol: \"alhpa\" is not a plug-in",
	 "did you mean \"alpha\"? this build has \"alpha\" or \"beta-experimental\""},
	{"NoProtocol", "protocol = \"alpha\"", "", "test.toml:2:1: service[0].protocol: is missing",
	 "this build has \"alpha\""},
	{"PortRange", "port = 7000", "port = 70000",
	 "test.toml:4:8: service[0].port: is 70000, which is not in 1..65535", ""},
	{"PortString", "port = 7000", "port = \"7000\"",
	 "test.toml:4:8: service[0].port: is a string", "without quotes"},
	{"Transport", "[\"udp\"]", "[\"udp\", \"sctp\"]",
	 "test.toml:5:22: service[0].transports: names \"sctp\"", "\"tcp\""},
	{"TransportTwice", "[\"udp\"]", "[\"udp\", \"udp\"]",
	 "test.toml:5:22: service[0].transports: names \"udp\" twice", ""},
	{"TransportsEmpty", "[\"udp\"]", "[]", "test.toml:5:14: service[0].transports: is empty",
	 "write transports ="},
	{"ServerHostName", "10.0.0.1:7000", "localhost:7000",
	 "test.toml:6:10: service[0].server: \"localhost:7000\" is not a numeric IPv4 or IPv6 "
	 "address",
	 "10.0.0.1:7000"},
	{"ServerNoPort", "10.0.0.1:7000", "10.0.0.1",
	 "test.toml:6:10: service[0].server: \"10.0.0.1\" is not address:port", "[fd00::1]:7000"},
	{"ServerNoBrackets", "10.0.0.1:7000", "fd00::1:7000",
	 "test.toml:6:10: service[0].server: \"fd00::1:7000\" puts the brackets wrong",
	 "[fd00::1]:7000"},
	{"ServerBracketsOnV4", "10.0.0.1:7000", "[10.0.0.1]:7000",
	 "test.toml:6:10: service[0].server: \"[10.0.0.1]:7000\" puts the brackets wrong", ""},
	{"ServerPortZero", "10.0.0.1:7000", "10.0.0.1:0",
	 "test.toml:6:10: service[0].server: \"10.0.0.1:0\" has a port that is not in 1..65535",
	 ""},
	{"ServerOtherPort", "10.0.0.1:7000", "10.0.0.1:7001",
	 "test.toml:6:10: service[0].server: has port 7001, but port is 7000", "make them equal"},
	{"NoAllow", "allow = [\"10.0.0.0/8\"]", "", "test.toml:2:1: service[0].allow: is missing",
	 "amplifier"},
	{"EmptyAllow", "[\"10.0.0.0/8\"]", "[]", "test.toml:7:9: service[0].allow: is empty",
	 "amplifier"},
	{"AllowHostBits", "10.0.0.0/8", "10.0.0.1/8",
	 "test.toml:7:10: service[0].allow: \"10.0.0.1/8\" has bits set after",
	 "write \"10.0.0.0/8\" for the network, or \"10.0.0.1/32\""},
	{"AllowHostBitsV6", "10.0.0.0/8", "fd00::1/12",
	 "test.toml:7:10: service[0].allow: \"fd00::1/12\" has bits set",
	 "write \"fd00::/12\" for the network, or \"fd00::1/128\""},
	{"AllowLength", "10.0.0.0/8", "10.0.0.0/33",
	 "test.toml:7:10: service[0].allow: \"10.0.0.0/33\" has a prefix length", "0..32"},
	{"AllowNoLength", "10.0.0.0/8", "10.0.0.0",
	 "test.toml:7:10: service[0].allow: \"10.0.0.0\" has no prefix length", "/32"},
	{"AllowNotAnAddress", "10.0.0.0/8", "lan/8",
	 "test.toml:7:10: service[0].allow: \"lan/8\" is not a numeric", ""},
	{"AllowAllOfIpv6", "10.0.0.0/8", "::/0",
	 "test.toml:7:10: service[0].allow: \"::/0\" would cover all of IPv4", "2000::/3"},
	{"BadName", "port = 7000", "name = \"a b\"\nport = 7000",
	 "test.toml:4:8: service[0].name: is \"a b\"", "1..32"},
	{"EnabledString", "port = 7000", "enabled = \"no\"\nport = 7000",
	 "test.toml:4:11: service[0].enabled: is a string", "true or false"},
	{"NoneEnabled", "port = 7000", "enabled = false\nport = 7000",
	 "test.toml:2:1: service: none is enabled", "at least one"},
};

INSTANTIATE_TEST_SUITE_P(Cases, BadConfig, testing::ValuesIn(bad_cases),
			 [](const auto &info) { return std::string(info.param.name); });

TEST(Config, NoServiceAtAll)
{
	const auto config = parse("interfaces = [\"eth0\"]\n");
	ASSERT_FALSE(config);
	EXPECT_NE(joined(config.error()).find("test.toml:1:1: service: is missing"),
		  std::string::npos);
}

std::string service(std::string_view extra, int port, bool enabled = true)
{
	return "[[service]]\nprotocol = \"alpha\"\ntransports = [\"udp\"]\nallow = "
	       "[\"10.0.0.0/8\"]\nport = " +
	       std::to_string(port) + "\nserver = \"10.0.0.1:" + std::to_string(port) +
	       "\"\nenabled = " + (enabled ? "true" : "false") + "\n" + std::string(extra) + "\n";
}

TEST(Config, ServerUsedTwiceNamesBothLines)
{
	const auto config =
		parse("interfaces = [\"eth0\"]\n" + service("", 7000) + service("", 7000));
	ASSERT_FALSE(config);
	EXPECT_EQ(
		joined(config.error()),
		"test.toml:14:8: service[1].server: 10.0.0.1:7000 is already that of service[0] on "
		"line 6; give each service its own server, by address or port, or set enabled = "
		"false in one\n");
}

TEST(Config, ServersOnOnePortAtTwoAddresses)
{
	auto second = service("name = \"second\"", 7000);
	second.replace(second.find("10.0.0.1"), 8, "10.0.0.2");
	const auto config = parse("interfaces = [\"eth0\"]\n" + service("", 7000) + second);
	EXPECT_TRUE(config) << joined(config.error());
}

TEST(Config, ServerOfADisabledServiceMayBeUsedAgain)
{
	const auto config =
		parse("interfaces = [\"eth0\"]\n" + service("", 7000) + service("", 7000, false));
	EXPECT_TRUE(config) << joined(config.error());
}

TEST(Config, NameUsedTwice)
{
	const auto config = parse("interfaces = [\"eth0\"]\n" + service("name = \"a\"", 7000) +
				  service("name = \"a\"", 7001));
	ASSERT_FALSE(config);
	EXPECT_EQ(joined(config.error()),
		  "test.toml:10:1: service[1].name: \"a\" is already used by service[0] on line 2; "
		  "give each service its own name\n");
}

TEST(Config, TooManyServices)
{
	std::string text = "interfaces = [\"eth0\"]\n";
	for (int i = 0; i < 256; ++i) {
		text += service("", 7000 + i);
	}
	EXPECT_TRUE(parse(text));
	const auto config = parse(text + service("", 7256));
	ASSERT_FALSE(config);
	EXPECT_NE(joined(config.error()).find("257 are enabled, the most is 256"),
		  std::string::npos)
		<< joined(config.error());
}

TEST(Config, TooManyPrefixes)
{
	std::string list = "[";
	for (int i = 0; i < 17; ++i) {
		list += "\"10." + std::to_string(i) + ".0.0/16\", ";
	}
	const auto config = parse(edited({"", "[\"10.0.0.0/8\"]", list + "]", "", ""}));
	ASSERT_FALSE(config);
	EXPECT_NE(joined(config.error()).find("has 17 prefixes, the most is 16"), std::string::npos)
		<< joined(config.error());
}

TEST(Config, ReportsEveryErrorInTheOrderOfTheFile)
{
	const auto config = parse(R"(interface = ["eth0"]
xdp_mode = "fast"
[cache]
associativity = 5
memory = "x"
[[service]]
protocol = "gamma"
port = 0
transports = ["udp", 5]
server = "here"
allow = ["10.0.0.1/8", "x/8"]
colour = "red"
)");
	ASSERT_FALSE(config);
	std::vector<int> lines;
	for (const auto &error : config.error()) {
		lines.push_back(error.line);
	}
	EXPECT_EQ(lines, (std::vector<int>{1, 1, 2, 4, 5, 7, 8, 9, 10, 11, 11, 12}))
		<< joined(config.error());
}

TEST(Config, MissingFile)
{
	const auto config = load_config("/nonexistent/prestack.toml", protocols);
	ASSERT_FALSE(config);
	EXPECT_EQ(joined(config.error()), "/nonexistent/prestack.toml: read the configuration: No "
					  "such file or directory (ENOENT)\n");
	EXPECT_EQ(config.error().front().kind, ErrorKind::config);
}

TEST(Config, DirectoryInsteadOfFile)
{
	const auto config = load_config("/", protocols);
	ASSERT_FALSE(config);
	EXPECT_EQ(joined(config.error()), "/: read the configuration: Is a directory (EISDIR)\n");
}

} // namespace
} // namespace prestack
