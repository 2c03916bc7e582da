// SPDX-License-Identifier: GPL-2.0-only
// What the parser says of each command or reply of a stream, as text: a log that is the same however the
// stream is cut into segments. How commands and replies are cut into messages is not in it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../parser.h"
#include "tests/support/stream_reader.hpp"

namespace prestack::redis
{

using test::StreamReader;

// A command as clients send it.
inline std::string command(const std::vector<std::string> &words)
{
	std::string text = "*" + std::to_string(words.size()) + "\r\n";
	for (const std::string &word : words)
		text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
	return text;
}

// Behind a segment: digits after a number, the end of a line, the head of a value.
inline constexpr const char *leftovers = "1\r\n$";

// "<what it does><end>" per command; the end is '.' with a sure reply, '?' with one that may come or not,
// '-' with none, and '!' after it if the connection is not served any more.
class RequestLog : public StreamReader
{
public:
	RequestLog() : StreamReader(leftovers) {}
	static std::string log_of(const std::vector<std::string> &segments)
	{
		return RequestLog().StreamReader::log_of(segments);
	}

	// Of the latest message.
	const rd_event &event() const { return event_; }
	unsigned flushes() const { return flushes_; }

protected:
	void look(const ps_cursor &cursor, ps_message &message) override
	{
		rd_request(&cursor, &message, &event_);
		if (message.kind != PS_MESSAGE_WHOLE)
			return;
		if (event_.kind == RD_EVENT_READ)
			note("read " + text(event_.key, event_.key_len));
		if (event_.kind == RD_EVENT_WRITE)
			note((began_ ? " write " : "write ") + text(event_.key, event_.key_len) +
			     (event_.never_expires != 0 ? " lasting" : "") +
			     (event_.replied != 0 ? "" : " unsure"));
		began_ = began_ || event_.kind == RD_EVENT_WRITE;
		flushes_ += event_.kind == RD_EVENT_FLUSH;
		if ((message.flags & PS_MESSAGE_GOES_ON) != 0)
			return;
		// Raised where it begins, and where it ends.
		if (event_.kind == RD_EVENT_FLUSH)
			note("flush");
		const bool maybe = (message.flags & PS_MESSAGE_MAYBE) != 0;
		note(maybe ? "?" : message.replies != 0 ? "." : "-");
		note((message.flags & PS_MESSAGE_ENDS_SERVICE) != 0 ? "!," : ",");
		began_ = false;
	}

private:
	rd_event event_{};
	bool began_ = false; // the command has written a key
	unsigned flushes_ = 0;
};

// "<what it is><end>" per reply; the end is '.', or '>' after a message that nobody asked for.
class ReplyLog : public StreamReader
{
public:
	// `wanted`: what the first one holds, if it is an array, too.
	explicit ReplyLog(bool counted = true, bool wanted = false)
		: StreamReader(leftovers), counted_(counted), wanted_(wanted)
	{
	}
	static std::string log_of(const std::vector<std::string> &segments, bool counted = true,
				  bool wanted = false)
	{
		return ReplyLog(counted, wanted).StreamReader::log_of(segments);
	}

	const std::string &value() const { return value_; } // the last one that was all in a window

protected:
	void look(const ps_cursor &cursor, ps_message &message) override
	{
		rd_answer answer{};
		const bool opaque = (message.state & RD_OPAQUE) != 0;
		const bool wanted = wanted_ && replies() == 0;
		rd_reply(&cursor, &message, &answer, counted_ ? 1 : 0, wanted ? 1 : 0);
		if (answer.elsewhere != 0)
			note("elsewhere"); // once, even if the line is read in parts
		if (message.kind != PS_MESSAGE_WHOLE)
			return;
		if ((message.state & RD_OPAQUE) != 0) {
			if (!opaque)
				note("opaque,");
			return;
		}
		if (answer.value != 0) {
			note("value " + std::to_string(answer.len));
			if (answer.several != 0)
				note(" of " + std::to_string(answer.several) + " ");
			if (answer.data + answer.len + 2 <= cursor.end)
				value_ = text(answer.data, answer.len);
		}
		if ((message.flags & PS_MESSAGE_SUCCEEDED) != 0)
			note("succeeded");
		if ((message.flags & PS_MESSAGE_SERVES) != 0)
			note(" serves");
		if ((message.state & RD_ELEMENTS) == 0)
			note(message.replies != 0 ? ".," : ">,");
	}

private:
	bool counted_;
	bool wanted_;
	std::string value_;
};

// The same log whole, cut in two at each byte, byte by byte, and in segments of some other sizes.
template <typename Log>
void expect_however_cut(const std::string &stream, const std::string &expected, const Log &log)
{
	EXPECT_EQ(expected, log({stream})) << testing::PrintToString(stream);
	for (std::size_t at = 1; at < stream.size(); ++at)
		EXPECT_EQ(expected, log({stream.substr(0, at), stream.substr(at)}))
			<< testing::PrintToString(stream) << " cut at " << at;
	for (const std::size_t size : {1, 2, 3, 7, 100})
		EXPECT_EQ(expected, log(StreamReader::cut(stream, size)))
			<< testing::PrintToString(stream) << " in pieces of " << size;
}

inline void expect_requests(const std::string &stream, const std::string &log)
{
	expect_however_cut(stream, log, [](const std::vector<std::string> &segments) {
		return RequestLog::log_of(segments);
	});
}

inline void expect_replies(const std::string &stream, const std::string &log, bool counted = true)
{
	expect_however_cut(stream, log, [counted](const std::vector<std::string> &segments) {
		return ReplyLog::log_of(segments, counted);
	});
}

} // namespace prestack::redis
