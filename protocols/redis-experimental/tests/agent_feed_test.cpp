// SPDX-License-Identifier: GPL-2.0-only
// The agent's codec: what the server announces of changed keys, from bytes.
#include <string>
#include <string_view>

#include "agent_fixture.hpp"

namespace prestack
{
namespace
{

TEST_F(RedisCodec, NewsOfKeys)
{
	std::size_t consumed = 0;
	const std::string push =
		">2\r\n$10\r\ninvalidate\r\n*3\r\n$1\r\na\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n";
	EXPECT_EQ(news(push + "+PONG\r\n", &consumed), "a  \r\n\r\n ");
	EXPECT_EQ(consumed, push.size());
	EXPECT_EQ(news(">2\r\n$10\r\ninvalidate\r\n*0\r\n+", &consumed), "");
	EXPECT_EQ(consumed, 25U);
}

TEST_F(RedisCodec, NewsOfEverything)
{
	EXPECT_EQ(news(">2\r\n$10\r\ninvalidate\r\n_\r\n"), "* ");
	EXPECT_EQ(news(">2\r\n$10\r\ninvalidate\r\n*-1\r\n"), "* ");
}

TEST_F(RedisCodec, AnswersAreNoNews)
{
	for (const std::string answer : {"+OK\r\n", ":1\r\n", "$1\r\nx\r\n", "_\r\n", "-ERR\r\n"}) {
		EXPECT_EQ(codec_->decode_feed(answer).status, Feed::none) << answer;
	}
}

TEST_F(RedisCodec, AListOfManyKeysIsReadInParts)
{
	std::string all = ">2\r\n$10\r\ninvalidate\r\n*2000\r\n";
	std::string keys;
	for (unsigned i = 0; i < 2000; ++i) {
		const std::string key = "key" + std::to_string(i);
		all += "$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
		keys += key + " ";
	}
	std::string got;
	std::size_t pos = 0;
	for (std::size_t end = 0; end <= all.size(); end += 7) {
		std::size_t consumed = 0;
		got += news(std::string_view(all).substr(pos, end - pos), &consumed);
		pos += consumed;
		EXPECT_LT(end - pos, 40U) << "what was read need not be kept";
	}
	std::size_t consumed = 0;
	got += news(std::string_view(all).substr(pos), &consumed);
	EXPECT_EQ(got, keys);
	EXPECT_EQ(codec_->decode_feed("+PONG\r\n").status, Feed::none);
}

TEST_F(RedisCodec, ALongKeyIsSkipped)
{
	ASSERT_EQ(news(">2\r\n$10\r\ninvalidate\r\n*2\r\n"), "");
	const auto skipped = codec_->decode_feed("$1000000\r\nxxx");
	EXPECT_EQ(skipped.status, Feed::changes);
	EXPECT_TRUE(skipped.keys.empty());
	EXPECT_EQ(skipped.consumed, 10U + 1000000 + 2);
	EXPECT_EQ(news("$1\r\na\r\n"), "a ");
}

TEST_F(RedisCodec, AnUnknownPushMayMeanAnything)
{
	for (const std::string push :
	     {">3\r\n+message\r\n*1\r\n%1\r\n:1\r\n_\r\n$3\r\nabc\r\n",
	      ">2\r\n+tracking-redir\r\n:1\r\n", ">2\r\n$10\r\nInvalidate\r\n*1\r\n$1\r\nx\r\n",
	      ">2\r\n$10\r\ninvalidate\r\n:1\r\n"}) {
		std::size_t consumed = 0;
		EXPECT_EQ(news(push + "+PONG\r\n", &consumed), "* ") << push;
		EXPECT_EQ(consumed, push.size()) << push;
	}
}

TEST_F(RedisCodec, BrokenNews)
{
	for (const std::string push : {">x\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n:1\r\n",
				       ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nabc"}) {
		codec_ = make_redis_experimental_agent();
		EXPECT_EQ(news(push), "broken ") << push;
	}
}

} // namespace
} // namespace prestack
