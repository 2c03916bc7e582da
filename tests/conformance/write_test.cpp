// SPDX-License-Identifier: GPL-2.0-only
// Writes and replies: what may stay in the cache, and what may get into it.
#include <random>

#include "fixture.hpp"

namespace prestack::test
{

namespace
{

TEST_P(Conformance, WriteInvalidates)
{
	if (needs_datagrams())
		return;
	if (dialect().writes(item().key).empty())
		return not_applicable();
	for (const Message &write : dialect().writes(item().key)) {
		SCOPED_TRACE(write.what);
		ensure(item());
		EXPECT_FALSE(arrives(write.payload));
		EXPECT_FALSE(hits(item()));
	}
}

TEST_P(Conformance, WriteLeavesOtherKeys)
{
	if (needs_datagrams())
		return;
	if (dialect().writes(item().key).empty())
		return not_applicable();
	ensure(item("bystander"));
	for (const Message &write : dialect().writes(item().key)) {
		SCOPED_TRACE(write.what);
		EXPECT_FALSE(arrives(write.payload));
		EXPECT_TRUE(hits(item("bystander")));
	}
}

TEST_P(Conformance, StreamWriteInvalidates)
{
	const auto writes = dialect().stream_writes(item().key);
	if (writes.empty())
		return not_applicable();
	ensure(item("bystander"));
	for (const Message &write : writes) {
		SCOPED_TRACE(write.what);
		ensure(item());
		EXPECT_FALSE(arrives(write.payload, Transport::tcp));
		EXPECT_FALSE(hits(item()));
		EXPECT_TRUE(hits(item("bystander")));
	}
}

TEST_P(Conformance, OddRequestFlushes)
{
	if (needs_datagrams())
		return;
	for (const Message &flush : dialect().flushes()) {
		SCOPED_TRACE(flush.what);
		ensure(item());
		EXPECT_FALSE(arrives(flush.payload));
		EXPECT_FALSE(hits(item()));
	}
}

TEST_P(Conformance, OddSegmentFlushes)
{
	const auto flushes = dialect().stream_flushes();
	if (flushes.empty())
		return not_applicable();
	for (const Message &flush : flushes) {
		SCOPED_TRACE(flush.what);
		ensure(item());
		EXPECT_FALSE(arrives(flush.payload, Transport::tcp));
		EXPECT_FALSE(hits(item()));
	}
}

// The reply to a read that was overtaken by a write holds the old value.
TEST_P(Conformance, OldReplyDoesNotFill)
{
	for (const Message &change : changes(item().key)) {
		SCOPED_TRACE(change.what);
		const std::uint16_t request = next_request();
		EXPECT_FALSE(asks(dialect().read(request, {item().key})));
		EXPECT_FALSE(changes(change));
		for (const std::string &datagram : dialect().reply(request, {item()}))
			leaves(datagram);
		EXPECT_FALSE(hits(item()));
	}
}

TEST_P(Conformance, UnsolicitedReplyDoesNotFill)
{
	// Over a stream, replies are those of the requests before them.
	if (needs_datagrams())
		return;
	for (const std::string &datagram : dialect().reply(7, {item()}))
		leaves(datagram);
	EXPECT_FALSE(hits(item()));
	// Nor does the reply to another request, or for another key than was asked for.
	EXPECT_FALSE(arrives(dialect().read(8, {item().key})));
	for (const std::string &datagram : dialect().reply(9, {item()}))
		leaves(datagram);
	EXPECT_FALSE(hits(item()));
	EXPECT_FALSE(arrives(dialect().read(10, {item().key})));
	for (const std::string &datagram : dialect().reply(10, {item("bystander")}))
		leaves(datagram);
	EXPECT_FALSE(hits(item("bystander")));
}

TEST_P(Conformance, OddReplyDoesNotFill)
{
	for (const Message &reply : dialect().odd_replies(0, item())) {
		SCOPED_TRACE(reply.what);
		const std::uint16_t request = next_request();
		EXPECT_FALSE(asks(dialect().read(request, {item().key})));
		for (const Message &same : dialect().odd_replies(request, item())) {
			if (same.what == reply.what)
				leaves(same.payload);
		}
		EXPECT_FALSE(hits(item()));
	}
}

TEST_P(Conformance, OtherReadsPassAndChangeNothing)
{
	const auto reads = dialect().other_reads(item().key);
	if (reads.empty())
		return not_applicable();
	ensure(item());
	for (const Message &read : reads) {
		SCOPED_TRACE(read.what);
		EXPECT_FALSE(asks(read.payload));
		EXPECT_TRUE(hits(item()));
	}
}

// What remains of a read is no read of this key: it may only pass.
TEST_P(Conformance, TruncatedReadPasses)
{
	// Over a stream, the rest of it may come.
	if (needs_datagrams())
		return;
	const std::string whole = dialect().read(next_request(), {item().key});
	for (std::size_t length = 0; length < whole.size(); ++length) {
		if (!hits(item()))
			ensure(item());
		EXPECT_FALSE(arrives(whole.substr(0, length))) << length;
	}
}

// Whatever is answered to damaged reads, it is the item's: nothing else is in the cache.
TEST_P(Conformance, DamagedReadsAndReplies)
{
	if (needs_datagrams())
		return;
	std::mt19937 random(1);
	const auto damaged = [&](std::string message) {
		for (unsigned i = 0; i < 1 + random() % 3; ++i)
			message[random() % message.size()] = static_cast<char>(random());
		if (random() % 4 == 0)
			message.resize(random() % message.size());
		return message;
	};
	// Nobody answers the damaged reads. One of them may wait in the place of this one's number,
	// then nothing is cached; another number has another place.
	constexpr unsigned kNumbers = 16;
	const auto cache_again = [&] {
		for (unsigned i = 0; i < kNumbers; ++i) {
			if (hits(item()))
				return true;
			fill({item()});
		}
		return false;
	};
	unsigned answered = 0;
	for (unsigned round = 0; round < 5000; ++round) {
		if (round % 8 == 0) {
			ASSERT_TRUE(cache_again()) << round;
		}
		if (arrives(damaged(dialect().read(next_request(), {item().key})))) {
			++answered;
			EXPECT_NE(answer_.find(item().value), std::string::npos);
		}
		// Nobody asked for these.
		leaves(damaged(dialect().reply(1, {item("key", "wrong")}).front()));
	}
	EXPECT_GT(answered, 0u);
}

} // namespace

} // namespace prestack::test
