// SPDX-License-Identifier: GPL-2.0-only
// The agent's codec: questions as bytes, answers from bytes.
#include <string>

#include "agent_fixture.hpp"

namespace prestack
{
namespace
{

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

TEST_F(RedisCodec, AsksWhatChangesNothing)
{
	std::string out = "before";
	EXPECT_TRUE(codec_->encode(expiry, out));
	EXPECT_EQ(out, "before*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
		       "*1\r\n$7\r\nDISCARD\r\n*2\r\n$4\r\nPTTL\r\n$3\r\nkey\r\n");
	out.clear();
	const std::string key("\r\n\0", 3);
	EXPECT_TRUE(codec_->encode({key, AgentPurpose::value}, out));
	EXPECT_EQ(out, "*2\r\n$4\r\nPTTL\r\n$3\r\n" + key + "\r\n*2\r\n$3\r\nGET\r\n$3\r\n" + key +
			       "\r\n");
	out.clear();
	EXPECT_TRUE(codec_->encode(touch, out));
	EXPECT_EQ(out, "*2\r\n$5\r\nTOUCH\r\n$3\r\nkey\r\n");
}

TEST_F(RedisCodec, MillisecondsLeft)
{
	const auto reply = decode(expiry, may_read + ":1500\r\n:3\r\n");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_EQ(reply.milliseconds_left, 1500U);
	EXPECT_FALSE(reply.seconds_left);
	EXPECT_EQ(reply.flags, 0U);
	EXPECT_FALSE(reply.value);
	EXPECT_EQ(reply.consumed, may_read.size() + 7);
}

TEST_F(RedisCodec, ATouchIsAnswered)
{
	EXPECT_EQ(decode(touch, ":1\r\n").status, Status::answered);
	EXPECT_EQ(decode(touch, "-NOPERM no\r\n").status, Status::refused);
	EXPECT_EQ(decode(touch, "+OK\r\n").status, Status::broken);
}

// Who may not begin a transaction carries out what would be in it.
TEST_F(RedisCodec, WithoutTransactions)
{
	const std::string none = "-NOPERM no\r\n$5\r\nvalue\r\n-NOPERM no\r\n";
	const auto reply = decode(expiry, none + ":7\r\n");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_EQ(reply.milliseconds_left, 7U);
	EXPECT_EQ(decode(expiry, "-NOPERM no\r\n_\r\n-ERR no\r\n:-2\r\n").status, Status::answered);
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

TEST_F(RedisCodec, ARefusalOfAnyIsOne)
{
	for (const std::string answer :
	     {":-1\r\n-WRONGTYPE Operation against a key\r\n", "-NOPERM no\r\n-NOPERM no\r\n",
	      "-NOPERM no\r\n$1\r\nx\r\n", "-MOVED 1 a:1\r\n-MOVED 1 a:1\r\n"}) {
		const auto reply = decode(full, answer);
		EXPECT_EQ(reply.status, Status::refused) << answer;
		EXPECT_EQ(reply.consumed, answer.size()) << answer;
	}
	for (const std::string answer :
	     {"+OK\r\n-NOPERM no\r\n+OK\r\n:5\r\n", "+OK\r\n+QUEUED\r\n+OK\r\n-NOPERM no\r\n",
	      "+OK\r\n-MOVED 1 a:1\r\n+OK\r\n-MOVED 1 a:1\r\n"}) {
		const auto reply = decode(expiry, answer);
		EXPECT_EQ(reply.status, Status::refused) << answer;
		EXPECT_EQ(reply.consumed, answer.size()) << answer;
	}
	EXPECT_EQ(decode(full, ":-1\r\n$1\r\nx\r\n").status, Status::answered) << "and is over";
	EXPECT_EQ(decode(expiry, may_read + ":-1\r\n").status, Status::answered);
}

TEST_F(RedisCodec, NewsComesBetweenTheParts)
{
	const auto first = codec_->decode(full, ":5\r\n>2\r\n");
	ASSERT_EQ(first.status, Status::part);
	EXPECT_EQ(first.consumed, 4U);
	EXPECT_EQ(news(">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n"), "key ");
	const auto second = codec_->decode(full, "$1\r\nx\r\n");
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
	EXPECT_EQ(decode(full, ":-1\r\n$536870912\r\n").consumed, 5U + 12 + 536870912 + 2);
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
	for (const std::string answer : {":1\r\n", "+OK\r\n:1\r\n", "+OK\r\n+QUEUED\r\n:1\r\n"}) {
		codec_ = make_redis_experimental_agent();
		EXPECT_EQ(decode(expiry, answer).status, Status::broken) << answer;
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
	EXPECT_EQ(codec_->decode_feed("$1\r\nb\r\n").status, Feed::none);
}

TEST_F(RedisCodec, TheHeartbeat)
{
	EXPECT_TRUE(beat(look())) << "the first one looks";
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
	const auto expect = [&](const std::string &error, bool served) {
		codec_ = make_redis_experimental_agent();
		EXPECT_EQ(beat(look(error)), served) << error;
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
	EXPECT_FALSE(beat(look("-NOPERM this user has no permissions to run it\r\n")));
	for (int i = 1; i < 10; ++i)
		EXPECT_FALSE(beat("")) << i;
	EXPECT_TRUE(
		beat("-NOPERM multi\r\n_\r\n*1\r\n_\r\n:0\r\n:0\r\n-ERR DISCARD without MULTI\r\n"))
		<< "who may not begin a transaction asks";
	EXPECT_TRUE(beat(""));
}

// What a connection looks at first, after this greeting.
std::string first_look(const std::string &version, const std::string &mode)
{
	const auto codec = make_redis_experimental_agent();
	std::string out;
	(void)codec->open(out);
	(void)codec->decode_opening("%2\r\n$7\r\nversion\r\n$" + std::to_string(version.size()) +
				    "\r\n" + version + "\r\n$4\r\nmode\r\n$" +
				    std::to_string(mode.size()) + "\r\n" + mode + "\r\n");
	out.clear();
	codec->encode_heartbeat(out);
	return out;
}

TEST_F(RedisCodec, ReadsThatDoNotCountWhereTheServerHasThem)
{
	const std::string hide = "*3\r\n$6\r\nCLIENT\r\n$8\r\nNO-TOUCH\r\n$2\r\nON\r\n";
	for (const std::string version : {"7.2.0", "7.10.1", "8.0.0", "10.1"})
		EXPECT_TRUE(first_look(version, "standalone").starts_with(hide)) << version;
	for (const std::string version : {"7.0.15", "6.2.9", "7", "", "x.y"})
		EXPECT_TRUE(first_look(version, "standalone").starts_with("*1\r\n$5\r\nMULTI\r\n"))
			<< version;
}

TEST_F(RedisCodec, LooksWhichSlotsAreHere)
{
	const std::string ask = "*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n"
				"*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n*1\r\n$4\r\nPING\r\n";
	EXPECT_FALSE(first_look("7.0.15", "standalone").ends_with(ask));
	EXPECT_TRUE(first_look("7.0.15", "cluster").ends_with(ask));

	std::string out;
	(void)codec_->open(out);
	(void)codec_->decode_opening("%1\r\n$4\r\nmode\r\n$7\r\ncluster\r\n");
	const auto info = [](int epoch, int messages) {
		const std::string text =
			"txt:cluster_state:ok\r\ncluster_current_epoch:" + std::to_string(epoch) +
			"\r\ncluster_stats_messages_sent:" + std::to_string(messages) + "\r\n";
		return "=" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
	};
	int messages = 0;
	const auto beat_all = [&](const std::string &slots, int epoch = 5) {
		const bool good = beat(look() + info(epoch, ++messages) + slots);
		for (int i = 1; i < 10; ++i)
			EXPECT_TRUE(beat("")) << i;
		return good;
	};
	const std::string here = "*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n$1\r\na\r\n:1\r\n";
	const std::string there = "*1\r\n*3\r\n:0\r\n:8\r\n*2\r\n$1\r\na\r\n:1\r\n";
	EXPECT_TRUE(beat_all(here));
	EXPECT_TRUE(beat_all(here));
	EXPECT_EQ(codec_->decode_feed("+").status, Feed::none) << "all are where they were";
	EXPECT_TRUE(beat_all(there));
	const auto moved = codec_->decode_feed("+");
	EXPECT_EQ(moved.status, Feed::changes);
	EXPECT_TRUE(moved.any_key);
	EXPECT_EQ(moved.consumed, 0U);
	EXPECT_EQ(codec_->decode_feed("+").status, Feed::none) << "once";
	EXPECT_TRUE(beat_all(there, 6));
	EXPECT_TRUE(codec_->decode_feed("+").any_key) << "a slot may have come and gone";
	EXPECT_TRUE(beat_all("-NOPERM no\r\n", 6))
		<< "who may not look is served; but that is a change";
	EXPECT_TRUE(codec_->decode_feed("+").any_key);
}

} // namespace
} // namespace prestack
