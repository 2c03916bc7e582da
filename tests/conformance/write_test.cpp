// SPDX-License-Identifier: GPL-2.0-only
// Writes and replies: what may stay in the cache, and what may get into it.
#include <random>

#include "fixture.hpp"

namespace prestack::test
{

namespace
{

const Item kItem{"key", "value", 0};
const Item kBystander{"bystander", "value", 0};

TEST_P(Conformance, WriteInvalidates)
{
	if (needs_datagrams())
		return;
	for (const Message &write : dialect().writes(kItem.key)) {
		SCOPED_TRACE(write.what);
		ensure(kItem);
		EXPECT_FALSE(arrives(write.payload));
		EXPECT_FALSE(hits(kItem));
	}
}

TEST_P(Conformance, WriteLeavesOtherKeys)
{
	if (needs_datagrams())
		return;
	ensure(kBystander);
	for (const Message &write : dialect().writes(kItem.key)) {
		SCOPED_TRACE(write.what);
		EXPECT_FALSE(arrives(write.payload));
		EXPECT_TRUE(hits(kBystander));
	}
}

TEST_P(Conformance, StreamWriteInvalidates)
{
	const auto writes = dialect().stream_writes(kItem.key);
	if (writes.empty())
		return not_applicable();
	ensure(kBystander);
	for (const Message &write : writes) {
		SCOPED_TRACE(write.what);
		ensure(kItem);
		EXPECT_FALSE(arrives(write.payload, Transport::tcp));
		EXPECT_FALSE(hits(kItem));
		EXPECT_TRUE(hits(kBystander));
	}
}

TEST_P(Conformance, OddRequestFlushes)
{
	if (needs_datagrams())
		return;
	for (const Message &flush : dialect().flushes()) {
		SCOPED_TRACE(flush.what);
		ensure(kItem);
		EXPECT_FALSE(arrives(flush.payload));
		EXPECT_FALSE(hits(kItem));
	}
}

TEST_P(Conformance, OddSegmentFlushes)
{
	const auto flushes = dialect().stream_flushes();
	if (flushes.empty())
		return not_applicable();
	for (const Message &flush : flushes) {
		SCOPED_TRACE(flush.what);
		ensure(kItem);
		EXPECT_FALSE(arrives(flush.payload, Transport::tcp));
		EXPECT_FALSE(hits(kItem));
	}
}

// The reply to a read that was overtaken by a write holds the old value.
TEST_P(Conformance, OldReplyDoesNotFill)
{
	for (const Message &change : changes(kItem.key)) {
		SCOPED_TRACE(change.what);
		const std::uint16_t request = next_request();
		EXPECT_FALSE(asks(dialect().read(request, {kItem.key})));
		EXPECT_FALSE(changes(change));
		for (const std::string &datagram : dialect().reply(request, {kItem}))
			leaves(datagram);
		EXPECT_FALSE(hits(kItem));
	}
}

TEST_P(Conformance, UnsolicitedReplyDoesNotFill)
{
	// Over a stream, replies are those of the requests before them.
	if (needs_datagrams())
		return;
	for (const std::string &datagram : dialect().reply(7, {kItem}))
		leaves(datagram);
	EXPECT_FALSE(hits(kItem));
	// Nor does the reply to another request, or for another key than was asked for.
	EXPECT_FALSE(arrives(dialect().read(8, {kItem.key})));
	for (const std::string &datagram : dialect().reply(9, {kItem}))
		leaves(datagram);
	EXPECT_FALSE(hits(kItem));
	EXPECT_FALSE(arrives(dialect().read(10, {kItem.key})));
	for (const std::string &datagram : dialect().reply(10, {kBystander}))
		leaves(datagram);
	EXPECT_FALSE(hits(kBystander));
}

TEST_P(Conformance, OddReplyDoesNotFill)
{
	for (const Message &reply : dialect().odd_replies(0, kItem)) {
		SCOPED_TRACE(reply.what);
		const std::uint16_t request = next_request();
		EXPECT_FALSE(asks(dialect().read(request, {kItem.key})));
		for (const Message &same : dialect().odd_replies(request, kItem)) {
			if (same.what == reply.what)
				leaves(same.payload);
		}
		EXPECT_FALSE(hits(kItem));
	}
}

TEST_P(Conformance, OtherReadsPassAndChangeNothing)
{
	const auto reads = dialect().other_reads(kItem.key);
	if (reads.empty())
		return not_applicable();
	ensure(kItem);
	for (const Message &read : reads) {
		SCOPED_TRACE(read.what);
		EXPECT_FALSE(asks(read.payload));
		EXPECT_TRUE(hits(kItem));
	}
}

// What remains of a read is no read of this key: it may only pass.
TEST_P(Conformance, TruncatedReadPasses)
{
	// Over a stream, the rest of it may come.
	if (needs_datagrams())
		return;
	const std::string whole = dialect().read(next_request(), {kItem.key});
	for (std::size_t length = 0; length < whole.size(); ++length) {
		if (!hits(kItem))
			ensure(kItem);
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
			if (hits(kItem))
				return true;
			fill({kItem});
		}
		return false;
	};
	unsigned answered = 0;
	for (unsigned round = 0; round < 5000; ++round) {
		if (round % 8 == 0) {
			ASSERT_TRUE(cache_again()) << round;
		}
		if (arrives(damaged(dialect().read(next_request(), {kItem.key})))) {
			++answered;
			EXPECT_NE(answer_.find(kItem.value), std::string::npos);
		}
		// Nobody asked for these.
		leaves(damaged(dialect().reply(1, {{"key", "wrong", 0}}).front()));
	}
	EXPECT_GT(answered, 0u);
}

} // namespace

} // namespace prestack::test
