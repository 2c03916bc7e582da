// SPDX-License-Identifier: GPL-2.0-only
// Requests over TCP that are left to the server, each for the reason that docs/tcp.md gives under
// "When a segment is answered".
#include "splice_fixture.hpp"

namespace prestack::test
{
namespace
{

TEST_F(Splice, NothingWithoutAReadThatTheServerAnswered)
{
	connect();
	cache({"key"});
	EXPECT_EQ(sends(stream_read("key")), kPass);
	EXPECT_EQ(moved_now(), "requests+1 flows+1 unearned+1 stream+1");
}

TEST_F(Splice, NothingWhileSomethingIsOutstanding)
{
	begin();
	EXPECT_EQ(sends(stream_set("other", "new")), kPass);
	moved_now();
	expect_passes(request(stream_read("key")), "requests+1 outstanding+1 stream+1");
}

TEST_F(Splice, NothingBehindAWriteWithoutReply)
{
	begin();
	EXPECT_EQ(sends(stream_quiet_set("other", "new")), kPass);
	acknowledges();
	moved_now();
	expect_passes(request(stream_read("key")), "requests+1 outstanding+1 stream+1");
}

TEST_F(Splice, NothingThatTheClientHasNotAcknowledged)
{
	begin();
	Packet packet = request(stream_read("key"));
	packet.tcp_acknowledgement -= 1;
	expect_passes(packet, "requests+1 outstanding+1 stream+1");
}

TEST_F(Splice, NothingOddAndNothingInParts)
{
	begin();
	Packet fin = request(stream_read("key"));
	fin.tcp_flags |= kFin;
	Packet options = request(stream_read("key"));
	options.tcp_options = std::string("\x1e\x04\x00\x00", 4); // MPTCP
	for (const Packet &packet : {options, fin})
		expect_passes(packet, "requests+1 odd_segment+1 stream+1");
}

TEST_F(Splice, AMissGoesToTheServerWithAllThatIsInTheSegment)
{
	begin();
	expect_passes(request(stream_read("key") + stream_read("absent")),
		      "requests+1 misses+1 stream+1");
	answers(stream_value("key", "old") + kStreamNone);
}

// A miss that was tried is not parsed again: what it asks for, and what follows it, counts all the same.
TEST_F(Splice, AMissTakesItsLeaseAndWhatFollowsItIsRead)
{
	begin();
	EXPECT_EQ(sends(stream_read("absent") + stream_set("key", "new") + stream_read("other")),
		  kPass);
	EXPECT_EQ(moved_now(), "requests+1 misses+1 invalidations+1 writes+1 stream+1");
	answers(stream_value("absent", "value") + kStreamOk + stream_value("other", "old"));
	EXPECT_EQ(moved_now(), "fills+2 replies+1");
	EXPECT_EQ(arrives(request(stream_read("absent"))).verdict, kPass);
	EXPECT_EQ(moved_now(), "requests+1 hits+1 flows_spliced+1 stream_hits+1 stream_acks+1");
}

// One that is all of its segment is not read by the loop for all others, and is followed as they are.
TEST_F(Splice, AMissByItselfIsFollowed)
{
	for (const std::string &key : {std::string("absent"), std::string(200, 'a')}) {
		begin();
		const std::uint32_t first = client_next_;
		const auto before = flow();
		ASSERT_TRUE(before);
		EXPECT_EQ(sends(stream_read(key)), kPass);
		EXPECT_EQ(moved_now(), "requests+1 misses+1 stream+1");
		const auto after = flow();
		ASSERT_TRUE(after);
		EXPECT_EQ(after->in.next, client_next_);
		EXPECT_EQ(after->requests, before->requests + 1);
		EXPECT_EQ(after->records.count, before->records.count + 1);
		EXPECT_EQ(after->in.skip, 0u);
		EXPECT_EQ(after->in.carry_len, 0u);
		// Sent again, by itself and with what follows it.
		EXPECT_EQ(sends_at(stream_read(key), first), kPass);
		EXPECT_EQ(sends_at(stream_read(key) + stream_read("key"), first), kPass);
		EXPECT_EQ(flow()->requests, before->requests + 2);
		EXPECT_EQ(lost(), PS_LOST_NOT);
		moved_now();
		answers(stream_value(key, "value") + stream_value("key", "old"));
		EXPECT_EQ(moved_now(), "fills+2");
		EXPECT_TRUE(cached(key));
		request_.source_port++;
	}
}

TEST_F(Splice, AMissThatComesAgainWithOtherBytesIsLost)
{
	for (const std::size_t length : {6, 200}) {
		begin();
		const std::uint32_t first = client_next_;
		EXPECT_EQ(sends(stream_read(std::string(length, 'a'))), kPass);
		moved_now();
		EXPECT_EQ(sends_at(stream_read(std::string(length - 1, 'a') + "b"), first), kPass);
		EXPECT_EQ(lost(), PS_LOST_GAP);
		request_.source_port++;
	}
}

TEST_F(Splice, AMissThatWasTriedIsNotTheNextSegments)
{
	begin();
	EXPECT_EQ(sends(stream_read("absent")), kPass);
	answers(kStreamNone);
	moved_now();
	EXPECT_EQ(sends(stream_set("key", "new")), kPass);
	EXPECT_EQ(moved_now(), "invalidations+1 writes+1 stream+1");
}

TEST_F(Splice, NothingWhilePrestackIsBeingStopped)
{
	begin();
	splice();
	ps_service_conf conf = datapath_.conf();
	conf.flags |= PS_SERVICE_DRAIN;
	datapath_.set_conf(conf);
	expect_passes(request(stream_read("key")), "requests+1 translations+1 draining+1 stream+1");
}

} // namespace
} // namespace prestack::test
