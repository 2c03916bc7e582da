// SPDX-License-Identifier: GPL-2.0-only
// The core's reader of streams around the parser, with segments of a test's choice, and a log of what was
// told of each command or reply. How they are cut into messages is not in it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "../parser.h"

namespace prestack::redis
{

// A command as clients send it.
inline std::string command(const std::vector<std::string> &words)
{
	std::string text = "*" + std::to_string(words.size()) + "\r\n";
	for (const std::string &word : words)
		text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
	return text;
}

// Reads a stream to its end, segment by segment.
class Reading
{
public:
	static std::vector<std::string> cut(const std::string &stream, std::size_t size)
	{
		std::vector<std::string> pieces;
		for (std::size_t at = 0; at < stream.size(); at += size)
			pieces.push_back(stream.substr(at, size));
		return pieces;
	}

	virtual ~Reading() = default;
	// False: LOST, for good.
	bool read(const std::string &segment)
	{
		if (!lost_ && !segment.empty())
			lost_ = !read_segment(segment);
		return !lost_;
	}
	std::string log() const { return log_ + (lost_ ? "LOST" : ""); }
	bool lost() const { return lost_; }
	std::uint32_t state() const { return stream_.state; }
	unsigned messages() const { return messages_; }
	unsigned replies() const { return replies_; } // that are sure to come, or came

protected:
	virtual void look(const ps_cursor &cursor, ps_message &message) = 0;
	std::string text(std::uint32_t at, std::uint32_t len) const
	{
		return {reinterpret_cast<const char *>(window_.data()) + at, len};
	}
	void tell(const std::string &what) { log_ += what; }

private:
	bool read_segment(const std::string &segment)
	{
		ps_reader reader{};
		ps_stream_open(&stream_, &reader, static_cast<__u32>(segment.size()));
		int step = ps_stream_step(&stream_, &reader);
		while (step != PS_STEP_DONE) {
			if (step == PS_STEP_LOST)
				return false;
			if (step == PS_STEP_LOAD)
				load(reader, segment);
			step = parse(reader);
			if (step == PS_STEP_PARSE)
				step = ps_stream_step(&stream_, &reader);
		}
		ps_stream_close(&stream_, &reader, window_.data());
		return true;
	}

	void load(ps_reader &reader, const std::string &segment)
	{
		const __u32 carried = ps_stream_uncarry(&stream_, &reader, window_.data());
		// What lies behind must not matter, such as digits after a number.
		const char leftover = "1\r\n$"[segment.size() % 4];
		std::memset(window_.data() + carried, leftover, window_.size() - carried);
		const __u32 from = reader.pos + carried - reader.carried;
		const __u32 fresh = std::min<__u32>(PS_IN_SIZE - carried,
						    static_cast<__u32>(segment.size()) - from);
		std::memcpy(window_.data() + carried, segment.data() + from, fresh);
		reader.base = reader.pos;
		reader.len = carried + fresh;
	}

	int parse(ps_reader &reader)
	{
		ps_message message{};
		message.state = stream_.state;
		const ps_cursor cursor{window_.data(), reader.pos - reader.base, reader.len, 0};
		++messages_;
		look(cursor, message);
		replies_ += message.replies;
		return ps_stream_take(&stream_, &reader, &message);
	}

	ps_stream stream_{};
	std::array<__u8, PS_IN_BUFFER> window_{};
	std::string log_;
	bool lost_ = false;
	unsigned messages_ = 0;
	unsigned replies_ = 0;
};

// "<what it does><end>" per command; the end is '.' with a sure reply, '?' with one that may come or not,
// '-' with none, and '!' after it if the connection is not served any more.
class Requests : public Reading
{
public:
	static std::string log_of(const std::vector<std::string> &segments)
	{
		Requests requests;
		for (const std::string &segment : segments)
			requests.read(segment);
		return requests.log();
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
			tell("read " + text(event_.key, event_.key_len));
		if (event_.kind == RD_EVENT_WRITE)
			tell((began_ ? " write " : "write ") + text(event_.key, event_.key_len) +
			     (event_.never_expires != 0 ? " lasting" : "") +
			     (event_.replied != 0 ? "" : " unsure"));
		began_ = began_ || event_.kind == RD_EVENT_WRITE;
		flushes_ += event_.kind == RD_EVENT_FLUSH;
		if ((message.flags & PS_MESSAGE_GOES_ON) != 0)
			return;
		// Raised where it begins, and where it ends.
		if (event_.kind == RD_EVENT_FLUSH)
			tell("flush");
		const bool maybe = (message.flags & PS_MESSAGE_MAYBE) != 0;
		tell(maybe ? "?" : message.replies != 0 ? "." : "-");
		tell((message.flags & PS_MESSAGE_ENDS_SERVICE) != 0 ? "!," : ",");
		began_ = false;
	}

private:
	rd_event event_{};
	bool began_ = false; // the command has written a key
	unsigned flushes_ = 0;
};

// "<what it tells><end>" per reply; the end is '.', or '>' after a message that nobody asked for.
class Replies : public Reading
{
public:
	// `wanted`: what the first one holds, if it is an array, too.
	explicit Replies(bool counted = true, bool wanted = false)
		: counted_(counted), wanted_(wanted)
	{
	}
	static std::string log_of(const std::vector<std::string> &segments, bool counted = true,
				  bool wanted = false)
	{
		Replies replies(counted, wanted);
		for (const std::string &segment : segments)
			replies.read(segment);
		return replies.log();
	}

	const std::string &value() const { return value_; } // the last one that was all in a window

protected:
	void look(const ps_cursor &cursor, ps_message &message) override
	{
		rd_answer answer{};
		const bool opaque = (message.state & RD_OPAQUE) != 0;
		const bool wanted = wanted_ && replies() == 0;
		rd_reply(&cursor, &message, &answer, counted_ ? 1 : 0, wanted ? 1 : 0);
		if (message.kind != PS_MESSAGE_WHOLE)
			return;
		if ((message.state & RD_OPAQUE) != 0) {
			if (!opaque)
				tell("opaque,");
			return;
		}
		if (answer.value != 0) {
			tell("value " + std::to_string(answer.len));
			if (answer.several != 0)
				tell(" of " + std::to_string(answer.several) + " ");
			if (answer.data + answer.len + 2 <= cursor.end)
				value_ = text(answer.data, answer.len);
		}
		if ((message.flags & PS_MESSAGE_SUCCEEDED) != 0)
			tell("asked");
		if ((message.flags & PS_MESSAGE_SERVES) != 0)
			tell(" serves");
		if ((message.state & RD_ELEMENTS) == 0)
			tell(message.replies != 0 ? ".," : ">,");
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
		EXPECT_EQ(expected, log(Reading::cut(stream, size)))
			<< testing::PrintToString(stream) << " in pieces of " << size;
}

inline void expect_requests(const std::string &stream, const std::string &log)
{
	expect_however_cut(stream, log, [](const std::vector<std::string> &segments) {
		return Requests::log_of(segments);
	});
}

inline void expect_replies(const std::string &stream, const std::string &log, bool counted = true)
{
	expect_however_cut(stream, log, [counted](const std::vector<std::string> &segments) {
		return Replies::log_of(segments, counted);
	});
}

} // namespace prestack::redis
