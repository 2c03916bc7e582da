// SPDX-License-Identifier: GPL-2.0-only
// The command line is parsed, and its mistakes are reported.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli.hpp"

namespace prestack
{
namespace
{

auto parse(const std::vector<std::string> &arguments)
{
	return parse_command_line(arguments);
}

TEST(Cli, Run)
{
	const auto line = parse({"run", "--config", "a.toml", "--name", "edge"});
	ASSERT_TRUE(line) << line.error().err;
	EXPECT_EQ(line->command, Command::run);
	EXPECT_EQ(line->config, "a.toml");
	EXPECT_EQ(line->name, "edge");
	EXPECT_EQ(line->bpffs, "");
}

TEST(Cli, EveryCommand)
{
	EXPECT_EQ(parse({"check-config", "a.toml"})->command, Command::check_config);
	EXPECT_EQ(parse({"check-config", "a.toml"})->config, "a.toml");
	EXPECT_FALSE(parse({"check-config", "a.toml"})->offline);
	EXPECT_TRUE(parse({"check-config", "--offline", "a.toml"})->offline);
	EXPECT_EQ(parse({"plugins"})->command, Command::plugins);
	EXPECT_TRUE(parse({"plugins", "--json"})->json);
	EXPECT_EQ(parse({"new-plugin", "my-protocol", "dir"})->command, Command::new_plugin);
	EXPECT_EQ(parse({"new-plugin", "my-protocol", "dir"})->plugin, "my-protocol");
	EXPECT_EQ(parse({"new-plugin", "my-protocol", "dir"})->folder, "dir");
	EXPECT_EQ(parse({"new-plugin", "My", "dir"}).error().code, 2);
	EXPECT_EQ(parse({"new-plugin", "my"}).error().code, 2);
	EXPECT_EQ(parse({"status"})->command, Command::status);
	EXPECT_EQ(parse({"status"})->name, "") << "the only one there is";
	EXPECT_EQ(parse({"run", "--config", "a.toml"})->name, "default");
	EXPECT_EQ(parse({"health", "--json"})->command, Command::health);
	EXPECT_EQ(parse({"stats", "--json", "--name", "b"})->command, Command::stats);
	EXPECT_EQ(parse({"flush", "--service", "s-1"})->service, "s-1");
}

TEST(Cli, Stop)
{
	using namespace std::chrono_literals;
	EXPECT_EQ(parse({"stop"})->command, Command::stop);
	EXPECT_EQ(parse({"stop", "--name", "b"})->name, "b");
	EXPECT_EQ(parse({"stop"})->timeout, 30s);
	EXPECT_EQ(parse({"stop", "--timeout", "5m"})->timeout, 300s);
	EXPECT_EQ(parse({"stop", "--now"})->timeout, 0s);
	EXPECT_EQ(parse({"stop", "--now", "--timeout", "1s"}).error().code, 2);
	EXPECT_EQ(parse({"stop", "--timeout", "soon"}).error().code, 2);
	EXPECT_EQ(parse({"stop", "--timeout", "90000s"}).error().code, 2);
}

TEST(Cli, GlobalOptionsStandBeforeOrAfterTheCommand)
{
	EXPECT_EQ(parse({"--bpffs", "/x", "status"})->bpffs, "/x");
	EXPECT_EQ(parse({"status", "--bpffs", "/x"})->bpffs, "/x");
}

TEST(Cli, UsageErrorsAreTwo)
{
	const std::vector<std::vector<std::string>> bad{
		{},
		{"walk"},
		{"run"},
		{"run", "--config"},
		{"run", "--config", "a.toml", "extra"},
		{"check-config"},
		{"status", "--jsn"},
		{"run", "--config", "a", "--json"},
		{"status", "--name", "a/b"},
		{"status", "--name", ".."},
		{"status", "--name", ""},
		{"status", "--name", std::string(33, 'a')},
		{"status", "stats"},
	};
	for (const auto &arguments : bad) {
		const auto line = parse(arguments);
		ASSERT_FALSE(line) << testing::PrintToString(arguments);
		EXPECT_EQ(line.error().code, 2) << testing::PrintToString(arguments);
		EXPECT_FALSE(line.error().err.empty()) << testing::PrintToString(arguments);
		EXPECT_TRUE(line.error().out.empty()) << testing::PrintToString(arguments);
	}
}

TEST(Cli, HelpAndVersionAreZero)
{
	for (const auto &arguments :
	     std::vector<std::vector<std::string>>{{"--help"},
						   {"--version"},
						   {"run", "--help"},
						   {"check-config", "--help"},
						   {"plugins", "--help"},
						   {"status", "--help"},
						   {"health", "--help"},
						   {"stats", "--help"},
						   {"flush", "--help"}}) {
		const auto line = parse(arguments);
		ASSERT_FALSE(line);
		EXPECT_EQ(line.error().code, 0);
		EXPECT_FALSE(line.error().out.empty());
		EXPECT_TRUE(line.error().err.empty());
		if (arguments.back() == "--help") {
			EXPECT_NE(line.error().out.find("Examples:"), std::string::npos);
			EXPECT_NE(line.error().out.find("Exit codes: 0 good, 1 failed, 2"),
				  std::string::npos);
		}
	}
}

} // namespace
} // namespace prestack
