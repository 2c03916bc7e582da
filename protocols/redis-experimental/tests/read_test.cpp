// SPDX-License-Identifier: GPL-2.0-only
// Requests that may be answered from the cache.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "stream_log.hpp"

namespace prestack::redis
{
namespace
{

// "<verb>: <key>,<key>,", and "..." if not all of it is there; "" if it may not be answered.
std::string read(const std::string &text, char leftover = 'k')
{
	std::array<__u8, PS_IN_BUFFER> bytes{};
	bytes.fill(static_cast<__u8>(leftover));
	std::copy(text.begin(), text.end(), bytes.begin());
	const ps_cursor cursor{bytes.data(), 0, static_cast<__u32>(text.size()), 0};
	struct rd_read request {
	};
	rd_read(&cursor, &request);
	const char *const verbs[] = {"", "get: ", "mget: ", "strlen: ", "exists: "};
	std::string log = verbs[request.verb];
	if (request.verb == RD_VERB_NONE)
		return "";
	EXPECT_NE(0, rd_may_answer(RD_STREAM, ps_cursor_word(&cursor, 0))) << text;
	__u32 pos = request.first;
	for (__u32 i = 0; i < request.keys; ++i) {
		__u32 key = 0, len = 0;
		pos = rd_read_key(&cursor, pos, &key, &len);
		if (pos == 0)
			return log + "...";
		log += text.substr(key, len) + ",";
	}
	EXPECT_EQ(text.size(), pos);
	return log;
}

TEST(RedisReads, ThatMayBeAnswered)
{
	EXPECT_EQ("get: a,", read(command({"GET", "a"})));
	EXPECT_EQ("get: a,", read(command({"gEt", "a"})));
	EXPECT_EQ("strlen: a,", read(command({"strlen", "a"})));
	EXPECT_EQ("exists: a,a,", read(command({"EXISTS", "a", "a"})));
	EXPECT_EQ("mget: a,bb,", read(command({"MGET", "a", "bb"})));
	EXPECT_EQ("mget: 1,2,3,4,5,6,7,8,9,10,",
		  read(command({"mget", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"})));
	const std::string binary("\0\r\n", 3), longest(250, 'L');
	EXPECT_EQ("get: " + binary + ",", read(command({"GET", binary})));
	EXPECT_EQ("get: " + longest + ",", read(command({"GET", longest})));
}

TEST(RedisReads, ThatMayNot)
{
	for (const std::string &text :
	     {command({"GET"}), command({"GET", "a", "b"}), command({"STRLEN", "a", "b"}),
	      command({"MGET"}), command({"EXISTS"}), command({"SET", "a"}), command({"TTL", "a"}),
	      command({"GETX", "a"}), command({"GE", "a"}), command({"STRLEM", "a"}),
	      command({"GETRANGE", "a"}), std::string("GET a\r\n"), std::string("*0\r\n"),
	      std::string("*02\r\n$3\r\nGET\r\n$1\r\na\r\n"), std::string("*2\r\n$-1\r\n")})
		EXPECT_EQ("", read(text)) << text;
	// No key of which is in the cache.
	EXPECT_EQ("get: ...", read(command({"GET", ""})));
	EXPECT_EQ("get: ...", read(command({"GET", std::string(251, 'L')})));
	EXPECT_EQ("mget: a,...", read(command({"MGET", "a", ""})));
	std::vector<std::string> words(65, "k");
	words[0] = "MGET";
	EXPECT_TRUE(read(command(words)).ends_with("k,k,"));
	words.emplace_back("k");
	EXPECT_EQ("", read(command(words)));
}

TEST(RedisReads, NotBeforeAllIsThere)
{
	const std::string whole = command({"MGET", "a", "bb"});
	for (std::size_t size = 0; size < whole.size(); ++size) {
		for (const char leftover : {'\0', '\r', '\n', '$', '1', 'b'}) {
			const std::string log = read(whole.substr(0, size), leftover);
			EXPECT_TRUE(log.empty() || log.ends_with("...")) << size << ": " << log;
		}
	}
}

TEST(RedisReads, OnlyBetweenTwoCommandsOfAConnectionInItsPlainState)
{
	const auto may = [](__u32 state, const std::string &text) {
		__u64 start = 0;
		std::memcpy(&start, text.data(), 8);
		return rd_may_answer(state, start) != 0;
	};
	const std::string get = command({"GET", "a"});
	EXPECT_TRUE(may(RD_STREAM, get));
	EXPECT_FALSE(may(RD_STREAM | RD_FOREIGN, get));
	EXPECT_FALSE(may(RD_STREAM | RD_UNCOUNTED, get));
	EXPECT_FALSE(may(RD_STREAM | 1, get));
	EXPECT_FALSE(may(RD_STREAM, "GET a\r\n\r\n"));
	EXPECT_FALSE(may(RD_STREAM, "*123\r\n$3\r\n"));
}

} // namespace
} // namespace prestack::redis
