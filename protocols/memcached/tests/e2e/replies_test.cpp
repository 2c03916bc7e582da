// SPDX-License-Identifier: GPL-2.0-only
// Are the replies of a real memcached those that the parsers foresee? A write is released when as many
// replies have left as were counted for it: with one too few on the requests' side, or one too many
// on the replies', it would be released before it took effect.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../binary_message.hpp"
#include "../reply_count.hpp"
#include "command_generator.hpp"
#include "support/memcached.hpp"
#include "support/tcp_client.hpp"
#include "support/text_protocol.hpp"

namespace prestack::memcached
{
namespace
{

using namespace std::string_literals;
using test::printable;
using test::TcpClient;

constexpr unsigned kStreams = 3000;
constexpr std::uint64_t kSeed = 20230118;

std::uint64_t setting(const char *name, std::uint64_t otherwise)
{
	const char *text = std::getenv(name);
	return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Replies : public testing::Test
{
protected:
	struct Counts {
		unsigned followed = 0; // streams understood to the end, replies too
		unsigned replies = 0;
		unsigned lost_replies = 0; // streams understood, but not their replies
	};

	// Sends the stream, and compares. One that is lost at some command does not count: the replies up
	// to there cannot be told from the others. Nor does one that is cut off: at the end of the
	// connection the server forgets what it has not sent.
	void check(const std::string &stream, Counts &counts)
	{
		const ReplyCount requests = count_expected_replies(Input(stream));
		if (requests.lost || requests.cut)
			return;
		TcpClient client(ns_, endpoint_);
		client.send(stream);
		const std::string text = client.receive_to_end();
		std::vector<bool> reads;
		const ReplyCount replies = count_replies(text, reads);
		SCOPED_TRACE("stream " + printable(stream, PS_IN_SIZE) + "\nreplies " +
			     printable(text, 2000));
		EXPECT_LE(replies.sure, requests.sure + requests.possible);
		if (replies.lost) {
			++counts.lost_replies;
			return;
		}
		EXPECT_GE(replies.sure, requests.sure);
		++counts.followed;
		counts.replies += replies.sure;
		// Each its own: an answer to a get looks like no other.
		for (std::size_t i = 0; i < reads.size() && requests.possible == 0; ++i) {
			if (i < requests.kinds.size() && requests.kinds[i] == MC_READ_MANY) {
				EXPECT_TRUE(reads[i]) << "reply " << i;
			}
		}
	}

	test::Netns ns_{"replies"};
	test::Memcached server_{ns_, {.addresses = {"127.0.0.1"}}};
	test::Endpoint endpoint_{"127.0.0.1", 11211};
};

TEST_F(Replies, ToGeneratedStreams)
{
	const std::uint64_t seed = setting("PRESTACK_DIFFERENTIAL_SEED", kSeed);
	const std::uint64_t streams = setting("PRESTACK_DIFFERENTIAL_STREAMS", kStreams);
	CommandGenerator generator(seed);
	Counts counts;
	for (std::uint64_t i = 0; i < streams && !HasFailure(); ++i) {
		SCOPED_TRACE("seed " + std::to_string(seed) + ", stream " + std::to_string(i));
		check(generator.stream(), counts);
	}
	// The test means something only if the generator hits what is followed.
	RecordProperty("followed", static_cast<int>(counts.followed));
	RecordProperty("replies", static_cast<int>(counts.replies));
	RecordProperty("lost_replies", static_cast<int>(counts.lost_replies));
	if (!HasFailure()) {
		EXPECT_GT(counts.followed, streams / 8);
		EXPECT_GT(counts.replies, streams / 8);
	}
}

TEST_F(Replies, ToGeneratedBinaryStreams)
{
	const std::uint64_t seed = setting("PRESTACK_DIFFERENTIAL_SEED", kSeed);
	const std::uint64_t streams = setting("PRESTACK_DIFFERENTIAL_STREAMS", kStreams);
	CommandGenerator generator(seed);
	Counts counts;
	for (std::uint64_t i = 0; i < streams && !HasFailure(); ++i) {
		SCOPED_TRACE("seed " + std::to_string(seed) + ", stream " + std::to_string(i));
		check(generator.binary_stream(), counts);
	}
	RecordProperty("followed", static_cast<int>(counts.followed));
	RecordProperty("replies", static_cast<int>(counts.replies));
	if (!HasFailure()) {
		EXPECT_GT(counts.followed, streams / 4);
		EXPECT_GT(counts.replies, streams / 4);
		EXPECT_EQ(0U, counts.lost_replies);
	}
}

// Commands whose replies are their own.
const std::string kOdd[] = {
	"incr k noreply\r\nmn\r\n"s,
	"delete k noreply 0\r\ndelete k 0 noreply\r\ndelete k 0\r\n"s,
	"delete k 1 noreply\r\nversion\r\n"s,
	"flush_all noreply noreply\r\nflush_all x noreply\r\nversion\r\n"s,
	"verbosity noreply\r\nverbosity 0 noreply\r\nverbosity 0\r\n"s,
	"cache_memlimit noreply\r\ncache_memlimit 64 noreply\r\ncache_memlimit 64\r\n"s,
	"set q 0 0 2000000 noreply\r\n"s + std::string(2000, 'x'),
	"set q 0 0 3 noreply\r\nabcde\r\nversion\r\n"s, // bad data chunk, silenced
	"ms q 3 q\r\nabcde\r\nversion\r\n"s, // and not
	"ms q 3 q T\r\nabc\r\nmd q q\r\nmd q q\r\nmg q q\r\nmg q v q\r\nma q q\r\nmn\r\n"s,
	"ms aw== 1 b k\r\n1\r\nmg aw== b v\r\nmg k k v\r\nmd aw== b k\r\n"s,
	"me k\r\nme absent\r\nmn\r\n"s,
	"stats\r\nstats items\r\nstats slabs\r\nstats sizes\r\nstats settings\r\nstats conns\r\n"s,
	"stats reset\r\nversion\r\n"s,
	"gat 5\r\ngats 5 k k2\r\ngat x k\r\nget k k2 0 noreply\r\n"s,
	"get " + std::string(1000, ' ') + "k " + std::string(500, ' ') + "\r\nversion\r\n",
	"lru_crawler metadump all\r\n"s,
	"watch\r\n"s,
	"set k 0 0 1\r\n1\r\nquit\r\nset k2 0 0 1\r\n1\r\n"s,
};

TEST_F(Replies, ToOddStreams)
{
	Counts counts;
	for (const std::string &stream : kOdd)
		check(stream, counts);
	EXPECT_GT(counts.followed, std::size(kOdd) / 2);
}

// What is foreseen to be lost has to be: the server drops the reply to the set.
TEST_F(Replies, ThatTheServerDrops)
{
	const std::string stream = "set k 0 0 1\r\n1\r\nget k " + std::string(251, 'L') + "\r\n";
	EXPECT_TRUE(count_expected_replies(Input(stream)).lost);
	TcpClient client(ns_, endpoint_);
	client.send(stream);
	EXPECT_EQ("CLIENT_ERROR bad command line format\r\n", client.receive_to_end());
}

// ASCII authentication: until a client has logged in nothing is read as the parser reads it. Either the
// first reply is one that is not understood, or the first command is a set, whose reply is counted.
TEST(RepliesWithAuthentication, AreNotUnderstoodBeforeIt)
{
	const auto file = std::filesystem::temp_directory_path() /
			  ("prestack-auth-" + std::to_string(::getpid()));
	std::ofstream(file) << "user:secret\n";
	std::filesystem::permissions(file, std::filesystem::perms(0644));
	test::Netns ns("auth");
	test::Memcached server(ns, {.addresses = {"127.0.0.1"}, .extra = {"-U", "0", "-Y", file}});
	const auto ask = [&](const std::string &stream) {
		TcpClient client(ns, {"127.0.0.1", 11211});
		client.send(stream);
		return client.receive_to_end();
	};
	std::vector<bool> reads;
	for (const std::string &stream :
	     {"get k\r\n"s, "add k 0 0 1 noreply\r\n1\r\n"s, "delete k noreply\r\n"s, "mn\r\n"s,
	      "set k 0 0 3\r\nx y\r\n"s, "set k 0 0 11\r\nuser\rsecret\r\n"s,
	      "set k 0 0 1\r\nabc\r\n"s}) {
		const std::string text = ask(stream);
		EXPECT_FALSE(text.empty()) << stream;
		const ReplyCount replies = count_replies(text, reads);
		EXPECT_TRUE(replies.lost) << printable(text);
		EXPECT_EQ(0U, replies.sure) << printable(text);
	}
	EXPECT_EQ("STORED\r\nSTORED\r\n",
		  ask("set k 0 0 11\r\nuser secret\r\nset k 0 0 1\r\n1\r\n"));
	// The one reply that nobody asked for: stream.bpf.h takes it for possible.
	EXPECT_EQ("STORED\r\n",
		  ask("set k 0 0 11 noreply\r\nuser secret\r\nset k 0 0 1 noreply\r\n1\r\n"));
	std::filesystem::remove(file);
}

} // namespace
} // namespace prestack::memcached
