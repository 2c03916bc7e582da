// SPDX-License-Identifier: GPL-2.0-only
// How many replies a command gets, and when what it stores expires.
#include "expect_command.hpp"

namespace prestack::memcached
{
namespace
{

void expect_replies(mc_replies replies, const std::vector<std::string> &lines)
{
	for (const std::string &line : lines) {
		SCOPED_TRACE(testing::PrintToString(line));
		const mc_command command = parse_command(Input(line + "\r\n"));
		EXPECT_NE(MC_UNKNOWN, command.kind);
		EXPECT_STREQ(kReplyNames[replies], kReplyNames[command.replies]);
	}
}

TEST(Replies, OfStorageCommands)
{
	for (const std::string &verb : {"set"s, "add"s, "replace"s, "append"s, "prepend"s}) {
		expect_replies(MC_REPLIES_ONE,
			       {verb + " k 0 0 5", verb + " k 0 0 5 whatever",
				verb + " k 0 0 5 noreplyx", verb + " k 0 0 5 NOREPLY",
				verb + " noreply 0 0 5"});
		expect_replies(MC_REPLIES_NONE,
			       {verb + " k 0 0 5 noreply", verb + " k 0 0 5   noreply  "});
	}
	expect_replies(MC_REPLIES_ONE, {"cas k 0 0 5 1", "cas k 0 0 5 1 x"});
	expect_replies(MC_REPLIES_NONE, {"cas k 0 0 5 1 noreply"});
}

TEST(Replies, OfWritesOfOneKey)
{
	for (const std::string &verb : {"delete"s, "incr"s, "decr"s, "touch"s}) {
		// A wrong number of words is refused before `noreply` is looked for.
		expect_replies(MC_REPLIES_ONE,
			       {verb + " k", verb + " k 5", verb + " k 5 6", verb + " noreply",
				verb + " k noreply 5", verb + " k 1 2 noreply",
				verb + " k 1 2 3 4 5 6 noreply"});
		expect_replies(MC_REPLIES_NONE, {verb + " k 5 noreply", verb + " k noreply",
						 verb + " k x  noreply "});
		// At the zero the line ends for memcached, and with it what is the last word.
		expect_replies(MC_REPLIES_LOST, {verb + " k noreply\0 x"s, verb + " k 5\t"});
	}
}

TEST(Replies, OfCommandsForAllItems)
{
	expect_replies(MC_REPLIES_ONE,
		       {"flush_all", "flush_all 10", "flush_all noreply 10",
			"flush_all 1 2 noreply", "cache_memlimit 8", "shutdown",
			"shutdown graceful", "slabs reassign 1 2", "slabs automove 1"});
	expect_replies(MC_REPLIES_NONE, {"flush_all noreply", "flush_all 10 noreply",
					 "cache_memlimit 8 noreply", "cache_memlimit noreply"});
	expect_replies(MC_REPLIES_LOST, {"slabs automove 1 noreply", "flush_all 10 x\0 noreply"s});
}

TEST(Replies, OfReads)
{
	expect_replies(MC_REPLIES_ONE,
		       {"get k", "get k noreply", "gets k", "gat 1 k", "me k", "mn", "mn noreply",
			"version", "stats", "stats items", "stats settings noreply",
			"lru tune 1 2 3", "watch", "watch mutations", "verbosity 1", "verbosity",
			"lru_crawler enable"});
	expect_replies(MC_REPLIES_NONE,
		       {"quit", "quit now", "verbosity 1 noreply", "verbosity noreply"});
	// What prints keys that may hold newlines, and words that are not known to matter or not.
	expect_replies(MC_REPLIES_LOST,
		       {"stats detail dump", "stats cachedump 1 1", "me k b",
			"lru mode flat noreply", "watch mutations noreply", "watch 1 2 3 4 5 6",
			"stats" + std::string(9, ' ') + "cachedump 1 1"});
}

TEST(Replies, OfMetaCommands)
{
	expect_replies(MC_REPLIES_ONE, {"mg k", "mg k v", "ms k 5 T0", "md k", "ma k N0"});
	expect_replies(MC_REPLIES_MAYBE, {"mg k q", "mg k v q", "mg k v qx", "ms k 5 q", "md k q",
					  "ma k q", "mg k T0 q", "md aw== b q"});
	expect_replies(MC_REPLIES_LOST, {"mg aw== b k", "mg aw== k v q b"});
	// The key q, and q where the length of the data is.
	expect_replies(MC_REPLIES_ONE, {"mg q", "md q", "ms q 5"});
}

TEST(Replies, MarkAPlace)
{
	EXPECT_TRUE(parse_command(Input("mn\r\n")).mark);
	for (const std::string &line : {"mg k q\r\n"s, "version\r\n"s, "md k\r\n"s})
		EXPECT_FALSE(parse_command(Input(line)).mark);
}

void expect_expiry(mc_expiry expiry, unsigned seconds, const std::vector<std::string> &lines)
{
	for (const std::string &line : lines) {
		SCOPED_TRACE(testing::PrintToString(line));
		const mc_command command = parse_command(Input(line + "\r\n"));
		EXPECT_NE(MC_UNKNOWN, command.kind);
		EXPECT_EQ(expiry, command.expiry);
		if (expiry == MC_EXPIRY_RELATIVE) {
			EXPECT_EQ(seconds, command.seconds);
		}
	}
}

TEST(Expiry, OfStorageCommands)
{
	for (const std::string &verb : {"set"s, "add"s, "replace"s}) {
		expect_expiry(MC_EXPIRY_NEVER, 0,
			      {verb + " k 0 0 5", verb + " k 0 0000000000 5 noreply"});
		expect_expiry(MC_EXPIRY_RELATIVE, 1, {verb + " k 0 1 5", verb + " k 0 01 5"});
		expect_expiry(MC_EXPIRY_RELATIVE, 2592000, {verb + " k 7 2592000 5"});
		// A time of day, what is over at once, and what 32 bits do not hold.
		expect_expiry(MC_EXPIRY_UNKNOWN, 0,
			      {verb + " k 0 2592001 5", verb + " k 0 -1 5", verb + " k 0 -0 5",
			       verb + " k 0 4294967297 5", verb + " k 0 4294967295 5"});
	}
	expect_expiry(MC_EXPIRY_RELATIVE, 60, {"cas k 0 60 5 1"});
	// They keep that of the item as it was.
	expect_expiry(MC_EXPIRY_UNKNOWN, 0, {"append k 0 60 5", "prepend k 0 0 5"});
}

TEST(Expiry, OfOtherWrites)
{
	expect_expiry(MC_EXPIRY_UNKNOWN, 0,
		      {"touch k 60", "incr k 1", "delete k", "md k T60", "ma k T60", "mg k T60"});
}

TEST(Expiry, OfMetaSet)
{
	expect_expiry(MC_EXPIRY_NEVER, 0, {"ms k 5", "ms k 5 T0", "ms k 5 c MS q F3", "ms k 5 ME"});
	expect_expiry(MC_EXPIRY_RELATIVE, 60,
		      {"ms k 5 T60", "ms k 5 c T60 MR", "ms k 5 C1 T0000000060"});
	expect_expiry(MC_EXPIRY_UNKNOWN, 0,
		      {"ms k 5 T60 MA", "ms k 5 MP", "ms k 5 T-1", "ms k 5 T2592001", "ms k 5 Tx",
		       "ms k 5 T", "ms k 5 T60 I", "ms k 5 T60 M", "ms k 5 T60 MSS"});
}

TEST(Expiry, DelayOfFlush)
{
	expect_expiry(MC_EXPIRY_NEVER, 0,
		      {"flush_all", "flush_all 0", "flush_all noreply", "flush_all -1",
		       "flush_all -999999999 noreply", "flush_all x", "cache_memlimit 8",
		       "slabs reassign 1 2", "shutdown", "md aw== b", "ms aw== 5 b T60"});
	expect_expiry(MC_EXPIRY_RELATIVE, 10, {"flush_all 10", "flush_all 10 noreply"});
	expect_expiry(MC_EXPIRY_UNKNOWN, 0,
		      {"flush_all 2592001", "flush_all +5", "flush_all 4294967301",
		       "flush_all -4294967290", "flush_all 99999999999 noreply", "flush_all 5x"});
}

} // namespace
} // namespace prestack::memcached
