// SPDX-License-Identifier: GPL-2.0-only
// The agent's codec: questions as bytes, answers and news from bytes.
#include <string>

#include <gtest/gtest.h>

#include "../agent.hpp"

namespace prestack
{
namespace
{

using Status = AgentReply::Status;
using News = FeedMessage::Status;

constexpr AgentQuestion expiry{"key", false};
constexpr AgentQuestion full{"key", true};

class RedisCodec : public testing::Test
{
protected:
	// The answer, whose first part is read on the way.
	AgentReply decode(const AgentQuestion &question, std::string_view input)
	{
		auto reply = codec_->decode(question, input);
		if (reply.status != Status::part)
			return reply;
		const auto first = reply.consumed;
		reply = codec_->decode(question, input.substr(first));
		reply.consumed += first;
		return reply;
	}
	// Whether a heartbeat whose answers are these and PONG counts.
	bool beat(const std::string &answers)
	{
		std::string out;
		codec_->encode_heartbeat(out);
		const std::string all = answers + "+PONG\r\n";
		std::size_t pos = 0;
		auto reply = codec_->decode_heartbeat(all);
		for (; reply.status == Status::part;
		     reply = codec_->decode_heartbeat(std::string_view(all).substr(pos)))
			pos += reply.consumed;
		EXPECT_EQ(pos + reply.consumed, all.size());
		EXPECT_TRUE(reply.status == Status::answered || reply.status == Status::refused);
		return reply.status == Status::answered;
	}
	// All the keys that the news at the start of the input tell of, and '*' for anything.
	std::string news(std::string_view input, std::size_t *consumed = nullptr)
	{
		std::string all;
		std::size_t pos = 0;
		while (pos < input.size()) {
			const auto message = codec_->decode_feed(input.substr(pos));
			if (message.status != News::changes) {
				all += message.status == News::broken ? "broken " : "";
				break;
			}
			all += message.any_key ? "* " : "";
			for (const auto key : message.keys)
				all += std::string(key) + " ";
			pos += message.consumed;
		}
		if (consumed != nullptr)
			*consumed = pos;
		return all;
	}

	std::unique_ptr<AgentCodec> codec_ = make_redis_experimental_agent();
};

TEST_F(RedisCodec, OpensWithResp3AndTracking)
{
	std::string out;
	EXPECT_EQ(codec_->open(out), 2U);
	EXPECT_EQ(out,
		  "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*5\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\n"
		  "ON\r\n$5\r\nBCAST\r\n$6\r\nNOLOOP\r\n");
	EXPECT_TRUE(codec_->needs_change_feed());
	EXPECT_TRUE(codec_->lives_by_wall_clock());
}

TEST_F(RedisCodec, TheOpeningIsAcceptedOrRefused)
{
	const std::string hello = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n"
				  "*1\r\n%1\r\n$4\r\nname\r\n:7\r\n";
	for (std::size_t length = 0; length < hello.size(); ++length) {
		EXPECT_EQ(codec_->decode_opening(hello.substr(0, length)).status,
			  Status::incomplete)
			<< length;
	}
	const auto reply = codec_->decode_opening(hello + "+OK\r\n");
	EXPECT_EQ(reply.status, Status::answered);
	EXPECT_EQ(reply.consumed, hello.size());
	EXPECT_EQ(codec_->decode_opening("+OK\r\n").status, Status::answered);
	const auto refused = codec_->decode_opening("-NOAUTH Authentication required.\r\n+OK\r\n");
	EXPECT_EQ(refused.status, Status::refused);
	EXPECT_EQ(refused.consumed, 34U);
	EXPECT_EQ(codec_->decode_opening("what\r\n").status, Status::broken);
	EXPECT_EQ(codec_->decode_opening("*70000\r\n").status, Status::broken);
	EXPECT_EQ(codec_->decode_opening(std::string(70000, '+')).status, Status::broken);
}

TEST_F(RedisCodec, AsksForTimeAndValue)
{
	std::string out = "before";
	EXPECT_TRUE(codec_->encode(expiry, out));
	EXPECT_EQ(out, "before*2\r\n$4\r\nPTTL\r\n$3\r\nkey\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
	out.clear();
	const std::string key("\r\n\0", 3);
	EXPECT_TRUE(codec_->encode({key, true}, out));
	EXPECT_EQ(out, "*2\r\n$4\r\nPTTL\r\n$3\r\n" + key + "\r\n*2\r\n$3\r\nGET\r\n$3\r\n" + key +
			       "\r\n");
}

TEST_F(RedisCodec, MillisecondsLeft)
{
	const auto reply = decode(expiry, ":1500\r\n$5\r\nvalue\r\n");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_TRUE(reply.plain);
	EXPECT_EQ(reply.milliseconds_left, 1500U);
	EXPECT_FALSE(reply.seconds_left);
	EXPECT_EQ(reply.flags, 0U);
	EXPECT_FALSE(reply.value);
	EXPECT_EQ(reply.consumed, 18U);
	EXPECT_EQ(reply.repair, "");
}

TEST_F(RedisCodec, NeverExpires)
{
	const auto reply = decode(full, ":-1\r\n$3\r\n\r\n\n\r\n");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_FALSE(reply.milliseconds_left);
	EXPECT_EQ(reply.value, "\r\n\n");
}

TEST_F(RedisCodec, WhatIsNotThere)
{
	for (const std::string answer : {":-2\r\n_\r\n", ":-2\r\n$-1\r\n", ":100\r\n_\r\n",
					 ":-2\r\n$1\r\nx\r\n"}) { // changed in between
		const auto reply = decode(full, answer);
		ASSERT_EQ(reply.status, Status::answered) << answer;
		EXPECT_FALSE(reply.present) << answer;
		EXPECT_EQ(reply.consumed, answer.size()) << answer;
	}
}

TEST_F(RedisCodec, ARefusalOfEitherIsOne)
{
	for (const std::string answer :
	     {":-1\r\n-WRONGTYPE Operation against a key\r\n", "-NOPERM no\r\n-NOPERM no\r\n",
	      "-NOPERM no\r\n$1\r\nx\r\n", "-MOVED 1 a:1\r\n-MOVED 1 a:1\r\n"}) {
		const auto reply = decode(full, answer);
		EXPECT_EQ(reply.status, Status::refused) << answer;
		EXPECT_EQ(reply.consumed, answer.size()) << answer;
	}
	EXPECT_EQ(decode(full, ":-1\r\n$1\r\nx\r\n").status, Status::answered) << "and is over";
}

TEST_F(RedisCodec, NewsComesBetweenTheTwoAnswers)
{
	const auto first = codec_->decode(expiry, ":5\r\n>2\r\n");
	ASSERT_EQ(first.status, Status::part);
	EXPECT_EQ(first.consumed, 4U);
	EXPECT_EQ(news(">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n"), "key ");
	const auto second = codec_->decode(expiry, "$1\r\nx\r\n");
	EXPECT_EQ(second.status, Status::answered);
	EXPECT_EQ(second.milliseconds_left, 5U);
}

TEST_F(RedisCodec, LongValuesAreOfNoInterest)
{
	const auto reply = decode(full, ":-1\r\n$5000\r\nxyz");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_FALSE(reply.value);
	EXPECT_EQ(reply.consumed, 5U + 7 + 5000 + 2);
	EXPECT_EQ(decode(expiry, ":-1\r\n$536870912\r\n").consumed, 5U + 12 + 536870912 + 2);
}

TEST_F(RedisCodec, PiecesAreIncomplete)
{
	const std::string answer = ":-1\r\n$5\r\nvalue\r\n";
	for (std::size_t length = 0; length < answer.size(); ++length) {
		const auto codec = make_redis_experimental_agent();
		auto reply = codec->decode(full, std::string_view(answer).substr(0, length));
		if (reply.status == Status::part)
			reply = codec->decode(full, std::string_view(answer).substr(5, length - 5));
		EXPECT_EQ(reply.status, Status::incomplete) << length;
	}
}

TEST_F(RedisCodec, NonsenseIsBroken)
{
	for (const std::string answer :
	     {"\r\n", "?\r\n", "+OK\r\n", "$3\r\nabc\r\n", ":x\r\n", ":-3\r\n", ":\r\n",
	      ":1\r\n:1\r\n", ":1\r\n*0\r\n", ":1\r\n$-2\r\n", ":1\r\n$x\r\n", ":1\r\n$3\r\nabcde",
	      ":1\r\n$99999999999999\r\n"}) {
		codec_ = make_redis_experimental_agent();
		EXPECT_EQ(decode(full, answer).status, Status::broken) << answer;
	}
	codec_ = make_redis_experimental_agent();
	EXPECT_EQ(decode(full, std::string(5000, ':')).status, Status::broken);
}

TEST_F(RedisCodec, ANewConnectionBeginsAnew)
{
	std::string out;
	ASSERT_EQ(codec_->decode(full, ":5\r\n").status, Status::part);
	(void)codec_->open(out);
	EXPECT_EQ(codec_->decode(full, ":6\r\n").status, Status::part);
	EXPECT_EQ(news(">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n"), "a ");
	(void)codec_->open(out);
	EXPECT_EQ(codec_->decode_feed("$1\r\nb\r\n").status, News::none);
}

TEST_F(RedisCodec, TheHeartbeat)
{
	EXPECT_TRUE(beat("_\r\n*1\r\n_\r\n:0\r\n:0\r\n")) << "the first one looks";
	std::string out;
	codec_->encode_heartbeat(out);
	EXPECT_EQ(out, "*1\r\n$4\r\nPING\r\n");
	const auto reply = codec_->decode_heartbeat("+PONG\r\n:1\r\n");
	EXPECT_EQ(reply.status, Status::answered);
	EXPECT_EQ(reply.consumed, 7U);
	EXPECT_EQ(codec_->decode_heartbeat("+PON").status, Status::incomplete);
	EXPECT_EQ(codec_->decode_heartbeat("+OK\r\n").status, Status::broken);
	for (const std::string refusal : {"-LOADING\r\n", "-NOAUTH x\r\n", "-BUSY x\r\n"}) {
		EXPECT_EQ(codec_->decode_heartbeat(refusal).status, Status::refused) << refusal;
	}
	EXPECT_EQ(codec_->decode_heartbeat("-MISCONF Errors writing\r\n").status, Status::answered)
		<< "reads are answered then";
}

TEST_F(RedisCodec, WhatMayNotBeReadIsNotServed)
{
	const std::string good = "$1\r\nx\r\n*1\r\n_\r\n:0\r\n";
	const auto expect = [&](const std::string &error, bool served) {
		codec_ = make_redis_experimental_agent();
		EXPECT_EQ(beat(good + error), served) << error;
		EXPECT_EQ(beat(""), served) << error << ", until the next look";
	};
	expect("-NOPERM this user has no permissions to run the 'exists' command\r\n", false);
	expect("-MASTERDOWN Link with MASTER is down\r\n", false);
	expect("-NOPERM this user has no permissions to access one of the keys used as "
	       "arguments\r\n",
	       true);
	expect("-MOVED 1 10.0.0.9:6379\r\n", true);
	expect("-WRONGTYPE Operation\r\n", true);
	expect(":1\r\n", true);
}

TEST_F(RedisCodec, LooksAgainWhatMayBeRead)
{
	const std::string denied = "-NOPERM this user has no permissions to run it\r\n";
	EXPECT_FALSE(beat(denied + denied + denied + denied));
	for (int i = 1; i < 10; ++i)
		EXPECT_FALSE(beat("")) << i;
	EXPECT_TRUE(beat("_\r\n*1\r\n_\r\n:0\r\n:0\r\n"));
	EXPECT_TRUE(beat(""));
}

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
		EXPECT_EQ(codec_->decode_feed(answer).status, News::none) << answer;
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
	EXPECT_EQ(codec_->decode_feed("+PONG\r\n").status, News::none);
}

TEST_F(RedisCodec, ALongKeyIsSkipped)
{
	ASSERT_EQ(news(">2\r\n$10\r\ninvalidate\r\n*2\r\n"), "");
	const auto skipped = codec_->decode_feed("$1000000\r\nxxx");
	EXPECT_EQ(skipped.status, News::changes);
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
