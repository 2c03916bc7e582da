// SPDX-License-Identifier: GPL-2.0-only
// The core's reader of one direction of a connection, natively, for the unit tests of plug-ins: segments
// of the test's choice go in, and each message is shown to the plug-in's parser. Knows no protocol.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <prestack/stream.h>

namespace prestack::test
{

class StreamReader
{
public:
	virtual ~StreamReader() = default;

	// In segments of this size, and one that is shorter.
	static std::vector<std::string> cut(const std::string &stream, std::size_t size)
	{
		std::vector<std::string> pieces;
		for (std::size_t at = 0; at < stream.size(); at += size)
			pieces.push_back(stream.substr(at, size));
		return pieces;
	}

	// False: the place in the stream is lost, for good.
	bool read(const std::string &segment)
	{
		if (!lost_ && !segment.empty())
			lost_ = !read_segment(segment);
		return !lost_;
	}
	// What was noted of all messages so far, with "LOST" at the end if the place was lost.
	std::string log() const { return log_ + (lost_ ? "LOST" : ""); }
	// The log of a stream that comes in these segments, and ends where its place is lost.
	std::string log_of(const std::vector<std::string> &segments)
	{
		for (const std::string &segment : segments) {
			if (!read(segment))
				break;
		}
		return log();
	}
	bool lost() const { return lost_; }
	std::uint32_t state() const { return stream_.state; }
	unsigned messages() const { return messages_; }
	unsigned replies() const { return replies_; } // that are sure to come, or came

protected:
	// What lies in a window behind a segment must not matter. It is one of these characters, which are
	// chosen such that a parser that goes too far takes them for a part of the message.
	explicit StreamReader(std::string leftovers) : leftovers_(std::move(leftovers)) {}

	// Parses the message at the cursor and notes what it is.
	virtual void look(const ps_cursor &cursor, ps_message &message) = 0;
	std::string text(std::uint32_t at, std::uint32_t len) const
	{
		return {reinterpret_cast<const char *>(window_.data()) + at, len};
	}
	void note(const std::string &what) { log_ += what; }

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
		const char leftover = leftovers_[segment.size() % leftovers_.size()];
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

	const std::string leftovers_;
	ps_stream stream_{};
	std::array<__u8, PS_IN_BUFFER> window_{};
	std::string log_;
	bool lost_ = false;
	unsigned messages_ = 0;
	unsigned replies_ = 0;
};

} // namespace prestack::test
