// SPDX-License-Identifier: GPL-2.0-only
// Streams in segments: wherever they are cut, the messages are the same. With the core's own reader.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "binary_message.hpp"
#include "parsing.hpp"
#include "stream_log.hpp"

namespace prestack::memcached
{
namespace
{

using namespace std::string_literals;

// Whole, cut in two at each byte, byte by byte, and in segments of some other sizes.
void expect_requests(const std::string &stream, const std::string &log)
{
	EXPECT_EQ(log, StreamLog::requests({stream})) << testing::PrintToString(stream);
	for (std::size_t at = 1; at < stream.size(); ++at)
		EXPECT_EQ(log, StreamLog::requests({stream.substr(0, at), stream.substr(at)}))
			<< testing::PrintToString(stream) << " cut at " << at;
	for (const std::size_t size : {1, 2, 3, 7, 100})
		EXPECT_EQ(log, StreamLog::requests(StreamLog::cut(stream, size)))
			<< testing::PrintToString(stream) << " in pieces of " << size;
}

void expect_replies(const std::string &stream, const std::string &log)
{
	EXPECT_EQ(log, StreamLog::replies({stream})) << testing::PrintToString(stream);
	for (std::size_t at = 1; at < stream.size(); ++at)
		EXPECT_EQ(log, StreamLog::replies({stream.substr(0, at), stream.substr(at)}))
			<< testing::PrintToString(stream) << " cut at " << at;
	for (const std::size_t size : {1, 2, 3, 7, 100})
		EXPECT_EQ(log, StreamLog::replies(StreamLog::cut(stream, size)))
			<< testing::PrintToString(stream) << " in pieces of " << size;
}

TEST(StreamRequests, Writes)
{
	expect_requests("incr a 5\r\nset b 0 60 5\r\nhello\r\ndelete c 0 noreply\r\nversion\r\n",
			"write a.,write b expires 60.,write c quiet,.,");
	expect_requests(
		"get x\r\nset b 0 0 13\r\nget y\r\nget z\r\r\nappend a 0 0 0 noreply\r\n\r\n",
		"read x,.,write b expires 0.,write a quiet,");
	expect_requests("flush_all 10\r\nflush_all noreply\r\nmn\r\nmn\r\n",
			"flush 10.,flush 0 quiet,sync.,sync.,");
	expect_requests("version\r\nms k 3 q T5\r\nabc\r\nmg k q v\r\nmd aw== b\r\n",
			".,write k maybe expires 5,maybe,flush 0.,");
}

void expect_same(const ps_message &a, const ps_message &b)
{
	EXPECT_EQ(std::tie(a.kind, a.next, a.body, a.replies, a.flags, a.state),
		  std::tie(b.kind, b.next, b.body, b.replies, b.flags, b.state));
}

// What is told of them without the parser of all requests is the same.
// The line is plain, but not in these states.
template <typename Tell>
void expect_not_plain(const char *line, std::initializer_list<__u32> states, Tell tell)
{
	const Input input(line);
	const ps_cursor cursor = input.cursor();
	for (const __u32 state : states) {
		ps_message message{};
		message.state = state;
		EXPECT_FALSE(tell(&cursor, &message)) << state;
	}
}

TEST(StreamRequests, PlainSets)
{
	struct Set {
		std::string line;
		bool plain;
	};
	const std::string longest(MC_MAX_KEY, 'k');
	for (const auto &[line, plain] :
	     {Set{"set k 0 0 5\r\n", true}, Set{"set " + longest + " 7 100 0\r\n", true},
	      Set{"set k 0000000 2592001 1234567\r\n", true},
	      Set{"set k" + longest + " 0 0 5\r\n", false}, Set{"set  0 0 5\r\n", false},
	      Set{"set k 12345678 0 5\r\n", false}, Set{"set k 0 -1 5\r\n", false},
	      Set{"set k 0 0 5 noreply\r\n", false}, Set{"set k 0 0 5\n", false},
	      Set{"set k  0 0 5\r\n", false}, Set{"set k 0 0 5x\r\n", false},
	      Set{"set k 0 0 \r\n", false}, Set{"set k 0 0 5\r", false},
	      Set{"SET k 0 0 5\r\n", false}, Set{"sets k 0 0 5\r\n", false}}) {
		SCOPED_TRACE(line);
		const Input input(line);
		const ps_cursor cursor = input.cursor();
		ps_message message{};
		message.state = MC_STREAM_TEXT;
		ps_message all = message;
		mc_command command{};
		const bool is_plain =
			mc_stream_is_set(&cursor, &message) != 0 &&
			mc_stream_plain_set(&cursor, &message,
					    ps_cursor_token(&cursor, 4, MC_MAX_KEY + 1),
					    &command) != 0;
		EXPECT_EQ(is_plain, plain);
		if (!is_plain)
			continue;
		mc_event event{};
		mc_stream_request(&cursor, &all, &event);
		EXPECT_EQ(event.kind, MC_EVENT_WRITE);
		expect_same(message, all);
		EXPECT_EQ(std::tie(command.key, command.key_len, command.expiry, command.seconds),
			  std::tie(event.cmd.key, event.cmd.key_len, event.cmd.expiry,
				   event.cmd.seconds));
	}
	// Where the first byte of the connection is read, or a line goes on, it is not for this.
	expect_not_plain("set k 0 0 5\r\n", {0, MC_STREAM_BINARY, MC_STREAM_TEXT | MC_STREAM_READS},
			 mc_stream_is_set);
}

TEST(StreamReplies, PlainReplies)
{
	struct Reply {
		std::string line;
		bool plain;
	};
	for (const auto &[line, plain] :
	     {Reply{"STORED\r\n", true}, Reply{"END\r\n", true}, Reply{"END\r\nEND\r\n", true},
	      Reply{"STORED\r", false}, Reply{"END\r", false}, Reply{"STORED \r\n", false},
	      Reply{"ENDS\r\n", false}, Reply{"EN\r\n", false}, Reply{"OK\r\n", false}}) {
		SCOPED_TRACE(line);
		const Input input(line);
		const ps_cursor cursor = input.cursor();
		ps_message message{};
		message.state = MC_STREAM_TEXT;
		ps_message all = message;
		EXPECT_EQ(mc_stream_plain_reply(&cursor, &message) != 0, plain);
		if (!plain)
			continue;
		mc_answer answer{};
		mc_stream_reply(&cursor, &all, &answer);
		EXPECT_FALSE(answer.value || answer.effect);
		expect_same(message, all);
	}
	expect_not_plain("END\r\n", {0, MC_STREAM_BINARY, MC_STREAM_TEXT | MC_STREAM_SKIPS},
			 mc_stream_plain_reply);
}

// A value and the END that its reply ends with, and nothing behind that.
TEST(StreamReplies, PlainValues)
{
	struct Reply {
		std::string text;
		bool plain;
	};
	const std::string longest(MC_MAX_KEY, 'k');
	for (const auto &[text, plain] :
	     {Reply{"VALUE k 0 5\r\nhello\r\nEND\r\n", true},
	      Reply{"VALUE " + longest + " 1234567 0\r\n\r\nEND\r\n", true},
	      Reply{"VALUE k 0 7\r\n\r\nEND\r\n\r\nEND\r\n", true},
	      Reply{"VALUE k" + longest + " 0 0\r\n\r\nEND\r\n", false},
	      Reply{"VALUE  0 5\r\nhello\r\nEND\r\n", false},
	      Reply{"VALUE k 12345678 5\r\nhello\r\nEND\r\n", false},
	      Reply{"VALUE k 0 5 1\r\nhello\r\nEND\r\n", false},
	      Reply{"VALUE k 0 4\r\nhello\r\nEND\r\n", false},
	      Reply{"VALUE k 0 6\r\nhello\r\nEND\r\n", false},
	      Reply{"VALUE k 0 5\r\nhello\r\nEND\r", false},
	      Reply{"VALUE k 0 5\r\nhello\r\n", false},
	      Reply{"VALUE k 0 5\r\nhello\rEND\r\n", false},
	      Reply{"VALUE k 0 5\r\nhello\r\nEND\r\nEND\r\n", false},
	      Reply{"VALUE k 0 5\r\nhello\r\nVALUE l 0 1\r\nx\r\nEND\r\n", false},
	      Reply{"VALUE k 0 5\r\nhello\r\nEND \r\n", false},
	      Reply{"VALUE k  0 5\r\nhello\r\nEND\r\n", false},
	      Reply{"value k 0 5\r\nhello\r\nEND\r\n", false},
	      Reply{"VALUES k 0 5\r\nhello\r\nEND\r\n", false}}) {
		SCOPED_TRACE(testing::PrintToString(text));
		const Input input(text);
		const ps_cursor cursor = input.cursor();
		ps_message message{};
		message.state = MC_STREAM_TEXT;
		ps_message first = message;
		ps_message all = message;
		mc_value value{};
		const bool is_plain =
			mc_stream_is_value(&cursor, &message) != 0 &&
			mc_stream_plain_value(&cursor, &message,
					      ps_cursor_token(&cursor, 6, MC_MAX_KEY + 1),
					      &value) != 0;
		EXPECT_EQ(is_plain, plain);
		if (!is_plain)
			continue;
		mc_answer answer{};
		mc_stream_reply(&cursor, &first, &answer);
		ASSERT_TRUE(answer.value);
		EXPECT_EQ(
			std::tie(value.key, value.key_len, value.flags, value.data, value.data_len),
			std::tie(answer.v.key, answer.v.key_len, answer.v.flags, answer.v.data,
				 answer.v.data_len));
		EXPECT_EQ(first.flags, message.flags);
		const ps_cursor behind = input.cursor(first.next + first.body);
		mc_stream_reply(&behind, &all, &answer);
		expect_same(message, all);
	}
	expect_not_plain("VALUE k 0 5\r\nhello\r\nEND\r\n",
			 {0, MC_STREAM_BINARY, MC_STREAM_TEXT | MC_STREAM_SKIPS},
			 mc_stream_is_value);
}

// As many as are whole and the same, and not more than are taken at once.
TEST(StreamReplies, RowsOfThem)
{
	const std::string stored = "STORED\r\n";
	const auto times = [&](unsigned n) {
		std::string out;
		for (; n > 0; --n)
			out += stored;
		return out;
	};
	struct Row {
		std::string stream;
		unsigned replies;
	};
	for (const auto &[stream, replies] :
	     {Row{stored, 1}, Row{times(2), 2}, Row{times(16), 16},
	      Row{times(MC_MAX_ROW + 1), MC_MAX_ROW + 1},
	      Row{times(MC_MAX_ROW + 2), MC_MAX_ROW + 1}, Row{times(3) + "STORED\r", 3},
	      Row{times(3) + "S", 3}, Row{times(3) + "NOT_STORED\r\n" + stored, 3},
	      Row{times(3) + "END\r\n" + stored, 3}, Row{stored + "SERVER_ERROR x\r\n", 1}}) {
		SCOPED_TRACE(testing::PrintToString(stream));
		const Input input(stream);
		const ps_cursor cursor = input.cursor();
		ps_message message{};
		message.state = MC_STREAM_TEXT;
		ASSERT_TRUE(mc_stream_plain_reply(&cursor, &message));
		ps_message row = message;
		mc_stream_row(&cursor, &row);
		message.replies = replies;
		message.next = replies * stored.size();
		expect_same(row, message);
	}
}

TEST(StreamRequests, LinesOfKeys)
{
	expect_requests("get a\r\ngets bb  ccc \r\nbget d\n",
			"read a,.,read bb,read ccc,.,read d,.,");
	expect_requests("gat 10 a bb\r\ngats  -1  c\ngat 10\r\n",
			"write a,write bb,.,write c,.,.,");
	expect_requests("get" + std::string(30, ' ') + "a" + std::string(30, ' ') + "\r\n",
			"read a,.,");
	std::string line = "get", log;
	for (int i = 0; i < 400; ++i) {
		line += " key" + std::to_string(i);
		log += "read key" + std::to_string(i) + ",";
	}
	expect_requests("version\r\n" + line + "\r\nversion\r\n", ".," + log + ".,.,");
	const std::string longest(250, 'L');
	expect_requests("get " + longest + " b\r\n", "read " + longest + ",read b,.,");
}

TEST(StreamRequests, AFirstSetWithoutReplyMayBeALogin)
{
	expect_requests("set a 0 0 1 noreply\r\nx\r\nset a 0 0 1 noreply\r\nx\r\n",
			"write a maybe expires 0,write a quiet expires 0,");
	expect_requests("mn\r\nset a 0 0 1 noreply\r\nx\r\n", "sync.,write a quiet expires 0,");
}

TEST(StreamRequests, Binary)
{
	const std::string extras("\0\0\0\0\0\0\0\11", 8), key("k\r\n", 3);
	expect_requests(binary_request(MC_OP_SET, extras, key, "get z\r\n") +
				binary_request(MC_OP_SETQ, extras, "q", "") +
				binary_request(MC_OP_GET, "", "r", "") +
				binary_request(MC_OP_GETQ, "", "r", "") +
				binary_request(MC_OP_NOOP, "", "", "") +
				binary_request(MC_OP_FLUSHQ, "", "", "") +
				binary_request(MC_OP_DELETE, "", "d", ""),
			"write " + key +
				" expires 9.,write q quiet expires 9,.,,.,flush 0 quiet,write d.,");
}

TEST(StreamRequests, Lost)
{
	for (const std::string &bad :
	     {"shuffle\r\n"s, "\r\n"s, " get a\r\n"s, "get a\tb\r\n"s, "get a\r\r\n"s,
	      "get " + std::string(251, 'L') + "\r\n", "set a 0 0 x\r\n"s,
	      "stats cachedump 1 1\r\n"s, "gat \t a\r\n"s, "me a b\r\n"s, "mg aw== b k\r\n"s,
	      "get\r\n"s, std::string(600, 'x'), binary_request(MC_OP_NOOP, "", "", "")}) {
		for (const std::size_t size : {std::size_t{1}, std::size_t{7}, bad.size()}) {
			const auto log =
				StreamLog::requests(StreamLog::cut("version\r\n" + bad, size));
			EXPECT_TRUE(log.ends_with("LOST"))
				<< testing::PrintToString(bad) << ": " << log;
		}
	}
	EXPECT_EQ(".,LOST",
		  StreamLog::requests({binary_request(MC_OP_NOOP, "", "", "") + "version\r\n"}));
}

TEST(StreamReplies, Lines)
{
	expect_replies("STORED\r\nVALUE a 1 5\r\nhello\r\nVALUE b 0 5 "
		       "77\r\nEND\r\n\r\nEND\r\nNOT_FOUND\r\n",
		       "succeeded.,value a 1 5,,.,.,");
	expect_replies("VA 5 f0\r\nHD\r\n.\r\nHD\r\nMN\r\nCLIENT_ERROR bad data chunk\r\n7\r\n",
		       ".,succeeded.,sync.,error.,.,");
	expect_replies("STAT a 1\r\nSTAT b 2\r\nEND\r\nVERSION 1\r\n", ",,.,.,");
}

TEST(StreamReplies, LongLinesOfDumpsAreSkipped)
{
	const std::string line = "key=" + std::string(1'000, 'x') + " exp=1\n";
	const auto count = [](const std::string &log) {
		return std::count(log.begin(), log.end(), '.');
	};
	for (const std::size_t size : {1, 5, 700, 5'000}) {
		const auto log =
			StreamLog::replies(StreamLog::cut(line + line + "END\r\nSTORED\r\n", size));
		EXPECT_EQ(2, count(log)) << log;
		EXPECT_TRUE(log.ends_with(".,succeeded.,")) << log;
	}
}

TEST(StreamReplies, Binary)
{
	expect_replies(binary_reply(MC_OP_SET, 0, "", "", "") +
			       binary_reply(MC_OP_GETQ, 0, "flag", "", "v") +
			       binary_reply(MC_OP_STAT, 0, "", "a", "1") +
			       binary_reply(MC_OP_STAT, 0, "", "", "") +
			       binary_reply(MC_OP_SETQ, 3, "", "", "Too large.") +
			       binary_reply(MC_OP_NOOP, 0, "", "", ""),
		       "succeeded.,,,.,effect,.,");
}

TEST(StreamReplies, Lost)
{
	for (const std::string &bad :
	     {"ERROR\r\n"s, "hello\r\n"s, "\r\n"s, "CLIENT_ERROR unauthenticated\r\n"s,
	      std::string(600, 'x'), "VALUE a b c\r\n"s, "ITEM k [1 b; 0 s]\r\n"s}) {
		for (const std::size_t size : {std::size_t{1}, std::size_t{7}, bad.size()})
			EXPECT_TRUE(StreamLog::replies(StreamLog::cut("OK\r\n" + bad, size))
					    .ends_with(".,LOST"));
	}
}

} // namespace
} // namespace prestack::memcached
