// SPDX-License-Identifier: GPL-2.0-only
// The agent's codec: questions as bytes, answers from bytes.
#include <string>

#include <gtest/gtest.h>

#include "../agent.hpp"

namespace prestack
{
namespace
{

using Status = AgentReply::Status;

constexpr AgentQuestion expiry{"key", AgentPurpose::expiry};
constexpr AgentQuestion full{"key", AgentPurpose::value};

AgentReply decode(const AgentQuestion &question, std::string_view input)
{
	return make_memcached_agent()->decode(question, input);
}

std::string encode(const AgentQuestion &question)
{
	std::string out = "before";
	return make_memcached_agent()->encode(question, out) ? out.substr(6) : "refused " + out;
}

TEST(AgentCodec, AsksWithMetaGets)
{
	EXPECT_EQ(encode(expiry), "mg key k t f c\r\n");
	EXPECT_EQ(encode(full), "mg key k t f c v\r\n");
	const std::string longest(250, 'k');
	EXPECT_EQ(encode({longest}), "mg " + longest + " k t f c\r\n");
}

TEST(AgentCodec, DoesNotAskAboutWhatTextCannotCarry)
{
	for (const std::string key : {"", "a b", "a\r\nflush_all", "tab\t", "\x01"}) {
		EXPECT_EQ(encode({key}), "refused before") << key;
	}
	EXPECT_EQ(encode({std::string(251, 'k')}), "refused before");
	EXPECT_EQ(encode({std::string("nul\0", 4)}), "refused before");
}

TEST(AgentCodec, SecondsLeft)
{
	const auto reply = decode(expiry, "HD kkey t100 f5 c2\r\nEN\r\n");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_TRUE(reply.plain);
	EXPECT_EQ(reply.seconds_left, 100u);
	EXPECT_EQ(reply.flags, 5u);
	EXPECT_FALSE(reply.value);
	EXPECT_EQ(reply.consumed, 20u);
	EXPECT_EQ(reply.repair, "");
}

TEST(AgentCodec, NeverExpires)
{
	const auto reply = decode(expiry, "HD kkey t-1 f4294967295 c2\r\n");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_FALSE(reply.seconds_left);
	EXPECT_EQ(reply.flags, 4294967295u);
}

TEST(AgentCodec, Absent)
{
	for (const auto &question : {expiry, full}) {
		const auto reply = decode(question, "EN\r\nHD");
		EXPECT_EQ(reply.status, Status::answered);
		EXPECT_FALSE(reply.present);
		EXPECT_EQ(reply.consumed, 4u);
		const auto with_key = decode(question, "EN kkey\r\n");
		EXPECT_EQ(with_key.status, Status::answered);
		EXPECT_FALSE(with_key.present);
		EXPECT_EQ(with_key.consumed, 9u);
	}
}

TEST(AgentCodec, Values)
{
	EXPECT_EQ(decode(full, "VA 2 kkey t-1 f7 c2\r\na\r\nEN\r\n").status, Status::broken)
		<< "the length decides, not the line ends";
	const std::string input("VA 8 kkey t3 f7 c2\r\na\r\nEN\r\n\0\r\nEN\r\n", 34);
	const auto good = decode(full, input);
	ASSERT_EQ(good.status, Status::answered);
	ASSERT_TRUE(good.value);
	EXPECT_EQ(*good.value, std::string("a\r\nEN\r\n\0", 8));
	EXPECT_EQ(good.seconds_left, 3u);
	EXPECT_EQ(input.substr(good.consumed), "EN\r\n");
	const auto empty = decode(full, "VA 0 kkey t-1 f0 c1\r\n\r\n");
	ASSERT_EQ(empty.status, Status::answered);
	EXPECT_EQ(empty.value, "");
}

TEST(AgentCodec, LongValuesAreNotWaitedFor)
{
	const auto reply = decode(full, "VA 1048576 kkey t-1 f0 c1\r\nxxx");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_FALSE(reply.value);
	EXPECT_EQ(reply.consumed, 27u + 1048576 + 2);
}

TEST(AgentCodec, EveryPrefixIsIncomplete)
{
	const std::string value = "VA 5 kkey t10 f0 c1\r\nab\r\nc\r\n";
	for (std::size_t size = 0; size < value.size(); ++size) {
		EXPECT_EQ(decode(full, value.substr(0, size)).status, Status::incomplete) << size;
	}
	EXPECT_EQ(decode(full, value).status, Status::answered);
	const std::string head = "HD kkey t10 f0 c1\r\n";
	for (std::size_t size = 0; size < head.size(); ++size) {
		EXPECT_EQ(decode(expiry, head.substr(0, size)).status, Status::incomplete) << size;
	}
}

TEST(AgentCodec, StaleItemsAreNotPlain)
{
	EXPECT_FALSE(decode(expiry, "HD kkey t30 f0 c5 Z\r\n").plain);
	EXPECT_FALSE(decode(expiry, "HD kkey t30 f0 c5 X Z\r\n").plain);
	EXPECT_EQ(decode(expiry, "HD kkey t30 f0 c5 X Z\r\n").repair, "");
}

TEST(AgentCodec, KeysGivenAsBase64AreNotPlain)
{
	const auto reply = decode(expiry, "HD ka2V5 t30 f0 c5 b\r\n");
	EXPECT_EQ(reply.status, Status::answered);
	EXPECT_TRUE(reply.present);
	EXPECT_FALSE(reply.plain);
}

// Who asks first about a stale item is to write it anew: the agent never does.
TEST(AgentCodec, GivesBackTheRightToWriteAnew)
{
	const auto reply = decode(full, "VA 1 kkey t30 f0 c5 X W\r\nx\r\n");
	ASSERT_EQ(reply.status, Status::answered);
	EXPECT_FALSE(reply.plain);
	EXPECT_EQ(reply.repair, "md key I C5\r\n");
	EXPECT_EQ(decode(expiry, "HD kkey t30 f0 c0 X W\r\n").repair, "")
		<< "without a cas an item written meanwhile could be hit";
	const auto codec = make_memcached_agent();
	for (const auto *answer : {"HD\r\n", "NF\r\n", "EX\r\n"}) {
		const auto repaired = codec->decode_repair(answer + std::string("HD kkey t1\r\n"));
		EXPECT_EQ(repaired.status, Status::answered);
		EXPECT_EQ(repaired.consumed, 4u);
	}
	EXPECT_EQ(codec->decode_repair("HD").status, Status::incomplete);
	EXPECT_EQ(codec->decode_repair("STORED\r\n").status, Status::broken);
}

TEST(AgentCodec, RefusalsKeepThePlace)
{
	for (const std::string line : {"ERROR\r\n", "CLIENT_ERROR unauthenticated\r\n",
				       "SERVER_ERROR out of memory writing get response\r\n"}) {
		const auto reply = decode(expiry, line + "EN\r\n");
		EXPECT_EQ(reply.status, Status::refused);
		EXPECT_EQ(reply.consumed, line.size());
	}
}

TEST(AgentCodec, AnythingElseIsBroken)
{
	for (const auto *input :
	     {"STORED\r\n", "END\r\n", "VALUE key 0 1\r\n", "\r\n", "VA 1 kkey t-1 f0 c1\r\nx\r\n",
	      "HD kother t-1 f0 c1\r\n", "HD t-1 f0 c1\r\n", "HD\r\n", "HD kkey t-1 f0\r\n",
	      "HD kkey t f0 c1\r\n", "HD kkey t-2 f0 c1\r\n", "HD kkey t1x f0 c1\r\n",
	      "HD kkey t1 f4294967296 c1\r\n", "ENX\r\n", "EN kother\r\n"}) {
		EXPECT_EQ(decode(expiry, input).status, Status::broken) << input;
	}
	for (const auto *input : {"HD kkey t-1 f0 c1\r\n", "VA kkey t-1 f0 c1\r\n",
				  "VA -1 kkey t-1 f0 c1\r\n", "VA 1 kkey t-1 f0 c1\r\nxyz\r\n"}) {
		EXPECT_EQ(decode(full, input).status, Status::broken) << input;
	}
	EXPECT_EQ(decode(expiry, std::string(5000, 'x')).status, Status::broken)
		<< "a line without end is not waited for";
}

} // namespace
} // namespace prestack
