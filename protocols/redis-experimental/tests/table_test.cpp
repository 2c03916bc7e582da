// SPDX-License-Identifier: GPL-2.0-only
// The table of commands: that each is found in it, and that it is what the installed server says.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <sys/wait.h>

#include "stream_log.hpp"

namespace prestack::redis
{
namespace
{

const std::string folder = PRESTACK_SOURCE_DIR "/protocols/redis-experimental/";

std::string name_of(const rd_command &entry)
{
	std::string name;
	for (const __u64 word : entry.name) {
		for (unsigned i = 0; i < 64 && (word >> i & 0xff) != 0; i += 8)
			name += static_cast<char>(word >> i & 0xff);
	}
	return name;
}

__u32 class_of(const std::string &name)
{
	std::array<__u8, PS_IN_BUFFER> bytes{};
	std::copy(name.begin(), name.end(), bytes.begin());
	const auto size = static_cast<__u32>(name.size());
	const ps_cursor cursor{bytes.data(), 0, size, 0};
	return rd_class(&cursor, 0, size);
}

TEST(CommandTable, EachIsFoundInAnyCase)
{
	unsigned count = 0;
	for (const rd_command &entry : rd_commands) {
		std::string name = name_of(entry);
		if (name.empty())
			continue;
		++count;
		EXPECT_EQ(entry.what, class_of(name)) << name;
		for (char &c : name)
			c = static_cast<char>(std::tolower(c));
		EXPECT_EQ(entry.what, class_of(name)) << name;
		name[0] = static_cast<char>(std::toupper(name[0]));
		EXPECT_EQ(entry.what, class_of(name)) << name;
		name.back() = '@';
		EXPECT_EQ(RD_CLASS_UNKNOWN, class_of(name)) << name;
	}
	EXPECT_LT(200U, count);
}

TEST(CommandTable, OthersAreUnknown)
{
	for (const char *name : {"", "G", "GE", "GETT", "GETX", "SETT", "{ET", "@ET", "GE\x14",
				 "G\xe5T", "ZZZZZZZZ", "GEORADIUS_R", "GEORADIUSBYMEMBER_ROX"})
		EXPECT_EQ(RD_CLASS_UNKNOWN, class_of(name)) << name;
}

TEST(CommandTable, WhatMattersMost)
{
	EXPECT_EQ(RD_CLASS_READ(1) | RD_VERB_GET, class_of("GET"));
	EXPECT_EQ(RD_CLASS_WRITE(1, 1, 1) | RD_LASTING | RD_VERB_SET, class_of("SET"));
	EXPECT_EQ(RD_CLASS_WRITE(1, 0, 1), class_of("DEL"));
	EXPECT_EQ(RD_CLASS_WRITE(2, 1, 1), class_of("BITOP"));
	EXPECT_EQ(RD_CLASS_FLUSH, class_of("EVALSHA"));
	EXPECT_EQ(RD_CLASS_PURE, class_of("ZRANGEBYSCORE"));
	EXPECT_EQ(RD_CLASS_REPLIES, class_of("subscribe"));
}

// The table again, as the generator writes it now: a server of another version may differ.
TEST(CommandTable, IsWhatTheInstalledServerSays)
{
	const std::string call = folder + "commands/generate 2>&1";
	FILE *pipe = popen(call.c_str(), "r");
	ASSERT_NE(nullptr, pipe);
	std::string now;
	for (std::array<char, 4096> bytes;
	     const auto n = fread(bytes.data(), 1, bytes.size(), pipe);)
		now.append(bytes.data(), n);
	const int status = pclose(pipe);
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127))
		GTEST_SKIP() << now;
	ASSERT_EQ(0, status) << now;

	const std::string mark = "Made by commands/generate from Redis ";
	const auto version = [&mark](const std::string &text) {
		const auto at = text.find(mark) + mark.size();
		return text.substr(at, text.find(':', at) - at);
	};
	std::ostringstream checked_in;
	checked_in << std::ifstream(folder + "command_table.h").rdbuf();
	const std::string then = checked_in.str();
	const auto lines = [](const std::string &text) {
		std::map<std::string, std::string> result;
		std::istringstream stream(text);
		for (std::string line; std::getline(stream, line);) {
			const auto at = line.find("/* "), end = line.find(" */");
			if (line.starts_with("\t{{") && at != std::string::npos)
				result[line.substr(at + 3, end - at - 3)] = line;
		}
		return result;
	};
	const auto before = lines(then);
	for (const auto &[name, line] : lines(now)) {
		const auto found = before.find(name);
		// What is not in the table is not understood: safe, but slow.
		EXPECT_TRUE(found != before.end()) << "not in the table: " << line;
		if (found != before.end()) {
			EXPECT_EQ(found->second, line);
		}
	}
	if (version(now) == version(then)) {
		EXPECT_EQ(now, then) << "commands/generate > command_table.h";
	}
}

} // namespace
} // namespace prestack::redis
