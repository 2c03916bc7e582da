// SPDX-License-Identifier: GPL-2.0-only
// Plain replies: told in short where a segment is nothing else; a row of them as one message, which ends as many
// writes.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include <prestack/flow.h>

#include "support/datapath.hpp"
#include "support/packet.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint8_t kSyn = 2;
constexpr std::uint8_t kPush = 8;
constexpr std::uint8_t kAck = 16;
constexpr int kPass = 2; // XDP_PASS

std::string key(unsigned i)
{
	return "key" + std::to_string(i);
}

std::string set(unsigned i)
{
	return "set " + key(i) + " 0 0 1\r\nx\r\n";
}

std::string stored(unsigned times)
{
	std::string out;
	for (; times > 0; --times)
		out += "STORED\r\n";
	return out;
}

// A connection of memcached's. The time that would release fences does not pass here.
class ReplyRow : public testing::Test
{
protected:
	ReplyRow()
	{
		Packet packet = packet_.reply("");
		packet.transport = Transport::tcp;
		packet.tcp_sequence = server_next_ - 1;
		packet.tcp_acknowledgement = client_next_;
		packet.tcp_flags = kSyn | kAck;
		datapath_.egress(packet.bytes());
		// The first reply proves the path, and that the connection is text.
		sends("version\r\n");
		answers("VERSION 1\r\n");
	}

	void sends(const std::string &payload)
	{
		Packet packet = segment(packet_, payload);
		packet.tcp_sequence = client_next_;
		packet.tcp_acknowledgement = server_next_;
		client_next_ += static_cast<std::uint32_t>(payload.size());
		EXPECT_EQ(datapath_.ingress(packet.bytes()).verdict, kPass);
	}

	void answers(const std::string &payload)
	{
		Packet packet = segment(packet_.reply(payload), payload);
		packet.tcp_sequence = server_next_;
		packet.tcp_acknowledgement = client_next_;
		server_next_ += static_cast<std::uint32_t>(payload.size());
		datapath_.egress(packet.bytes());
	}

	// The server's last bytes once more, with others behind them.
	void sent_again(const std::string &old, const std::string &fresh = "")
	{
		server_next_ -= static_cast<std::uint32_t>(old.size());
		answers(old + fresh);
	}

	// Whether a read that is asked for now fills: then no write to the key is under way.
	bool fills(unsigned i)
	{
		const auto before = count(PS_COUNT_fills);
		sends("get " + key(i) + "\r\n");
		answers("VALUE " + key(i) + " 0 1\r\nx\r\nEND\r\n");
		return count(PS_COUNT_fills) == before + 1;
	}

	std::uint64_t count(ps_counter counter) const { return datapath_.counts().at(counter); }

private:
	static Packet segment(Packet packet, const std::string &payload)
	{
		packet.payload = payload;
		packet.transport = Transport::tcp;
		packet.tcp_flags = kAck | kPush;
		return packet;
	}

	static DatapathOptions options()
	{
		DatapathOptions options;
		options.plugin = "memcached";
		options.fences = 1u << 16;
		options.settle = std::chrono::hours(1);
		return options;
	}

	Datapath datapath_{options()};
	Packet packet_;
	std::uint32_t client_next_ = 1000;
	std::uint32_t server_next_ = 2000;
};

// However many, in one segment of replies, and in two that are cut within one of them.
TEST_F(ReplyRow, EndsAsManyWritesAsItHolds)
{
	unsigned next = 0;
	for (const unsigned writes : {1u, 2u, 3u, static_cast<unsigned>(PS_RING)}) {
		for (unsigned replies = 1; replies <= writes; replies += replies < 3 ? 1 : 7) {
			SCOPED_TRACE(std::to_string(replies) + " of " + std::to_string(writes));
			const auto before = count(PS_COUNT_replies);
			const unsigned first = next;
			std::string all;
			for (unsigned i = 0; i < writes; ++i)
				all += set(next++);
			sends(all);
			const std::string row = stored(replies);
			const std::size_t cut = row.size() * replies / (writes + 1);
			answers(row.substr(0, cut));
			answers(row.substr(cut));
			EXPECT_EQ(count(PS_COUNT_replies), before + replies);
			if (replies < writes)
				answers(stored(writes - replies));
			EXPECT_EQ(count(PS_COUNT_replies), before + writes);
			for (unsigned i = 0; i < writes; ++i)
				EXPECT_TRUE(fills(first + i)) << i;
		}
	}
	EXPECT_EQ(count(PS_COUNT_flows_lost), 0u);
	EXPECT_EQ(count(PS_COUNT_questions), 0u); // each of them told that its item does not expire
}

// The writes of which the replies have not left hold on.
TEST_F(ReplyRow, EndsNoOther)
{
	sends(set(1) + set(2) + set(3));
	answers(stored(2));
	EXPECT_EQ(count(PS_COUNT_replies), 2u);
	sends("get " + key(1) + "\r\nget " + key(2) + "\r\nget " + key(3) + "\r\n");
	std::string values;
	for (unsigned i = 1; i <= 3; ++i)
		values += "VALUE " + key(i) + " 0 1\r\nx\r\nEND\r\n";
	answers(stored(1) + values);
	EXPECT_EQ(count(PS_COUNT_fills), 2u);
	EXPECT_TRUE(fills(3));
}

// Only what was stored is known to last as long as its set said.
TEST_F(ReplyRow, TellsOnlyOfItsOwnWrites)
{
	sends(set(1) + set(2) + "add " + key(3) + " 0 0 1\r\nx\r\n" + set(4) + set(5));
	answers(stored(2) + "NOT_STORED\r\n" + stored(2));
	for (unsigned i = 1; i <= 5; ++i) {
		const auto before = count(PS_COUNT_questions);
		EXPECT_TRUE(fills(i)) << i;
		EXPECT_EQ(count(PS_COUNT_questions), before + (i == 3)) << i;
	}
}

// More of them than were asked for: nobody can tell what they answer.
TEST_F(ReplyRow, LosesTheConnectionIfItIsTooLong)
{
	sends(set(1) + set(2));
	answers(stored(3));
	EXPECT_EQ(count(PS_COUNT_lost_reply), 1u);
	EXPECT_GE(count(PS_COUNT_flushes), 1u);
}

// A value may hold what looks like replies, and a segment nothing but that.
TEST_F(ReplyRow, AValueIsNoReply)
{
	sends("get other\r\n" + set(1));
	answers("VALUE other 0 16\r\n");
	answers(stored(1));
	answers(stored(1));
	EXPECT_EQ(count(PS_COUNT_replies), 0u);
	answers("\r\nEND\r\n");
	answers(stored(1));
	EXPECT_EQ(count(PS_COUNT_replies), 1u);
	EXPECT_EQ(count(PS_COUNT_flows_lost), 0u);
	EXPECT_TRUE(fills(1));
}

// What the server sends again together with what is new was counted when it left first.
TEST_F(ReplyRow, OldAndNewTogether)
{
	sends(set(1) + set(2));
	answers(stored(1));
	sent_again(stored(1));
	EXPECT_EQ(count(PS_COUNT_replies), 1u);
	sent_again(stored(1), stored(1));
	EXPECT_EQ(count(PS_COUNT_replies), 2u);
	EXPECT_EQ(count(PS_COUNT_flows_lost), 0u);
	EXPECT_TRUE(fills(2));
}

} // namespace
} // namespace prestack::test
