// SPDX-License-Identifier: GPL-2.0-only
// The core's reader of streams around stream.h's functions, with segments of a test's choice, and a log
// of what each message was told to be: "<what it does>[.],", with the dot for a sure reply or the end
// of one.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "../stream.h"

namespace prestack::memcached
{

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
	static std::string requests(const std::vector<std::string> &segments)
	{
		return Reading(true).read(segments);
	}
	static std::string replies(const std::vector<std::string> &segments)
	{
		return Reading(false).read(segments);
	}

private:
	explicit Reading(bool requests) : requests_(requests) {}

	std::string read(const std::vector<std::string> &segments)
	{
		for (const std::string &segment : segments) {
			if (!read_segment(segment))
				return log_ + "LOST";
		}
		return log_;
	}

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
		window_.fill(' '); // what lies behind must not matter
		const __u32 carried = ps_stream_uncarry(&stream_, &reader, window_.data());
		std::memset(window_.data() + carried, ' ', window_.size() - carried);
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
		if (requests_)
			request(cursor, message);
		else
			reply(cursor, message);
		return ps_stream_take(&stream_, &reader, &message);
	}

	std::string key(const mc_command &command) const
	{
		return {reinterpret_cast<const char *>(window_.data()) + command.key,
			command.key_len};
	}

	void request(const ps_cursor &cursor, ps_message &message)
	{
		mc_event event{};
		const __u32 before = message.state;
		mc_stream_request(&cursor, &message, &event);
		/* A key and the end of its line may come as one message. */
		if (event.kind == MC_EVENT_READ)
			log_ += "read " + key(event.cmd) + (message.replies != 0 ? "," : "");
		else if (event.kind == MC_EVENT_WRITE)
			log_ += "write " + key(event.cmd);
		else if (event.kind == MC_EVENT_FLUSH)
			log_ += "flush " + std::to_string(event.cmd.seconds);
		const bool of_a_line = ((before | message.state) & MC_STREAM_KEYS) != 0;
		const bool changes = event.kind >= MC_EVENT_WRITE && !of_a_line;
		if ((message.flags & PS_MESSAGE_MAYBE) != 0)
			log_ += changes ? " maybe" : "maybe";
		else if (changes && message.replies == 0)
			log_ += " quiet";
		if (event.kind == MC_EVENT_WRITE && event.cmd.expiry != MC_EXPIRY_UNKNOWN)
			log_ += " expires " + std::to_string(event.cmd.seconds);
		end(message, of_a_line && event.kind == MC_EVENT_NOTHING);
	}

	void reply(const ps_cursor &cursor, ps_message &message)
	{
		mc_answer answer{};
		mc_stream_reply(&cursor, &message, &answer);
		if (answer.value != 0) {
			const __u32 at = answer.v.key;
			log_ += "value " +
				std::string(reinterpret_cast<const char *>(window_.data()) + at,
					    answer.v.key_len) +
				" " + std::to_string(answer.v.flags) + " " +
				std::to_string(answer.v.data_len);
		}
		if ((message.flags & PS_MESSAGE_SUCCEEDED) != 0)
			log_ += "asked";
		if ((message.flags & PS_MESSAGE_ERROR) != 0)
			log_ += "error";
		if (answer.effect != 0)
			log_ += "effect";
		end(message, false);
	}

	// Of a line of keys only the keys and the end are told: how it is cut up is nobody's business.
	void end(const ps_message &message, bool only_if_replied)
	{
		if (message.kind != PS_MESSAGE_WHOLE)
			return;
		if ((message.flags & PS_MESSAGE_SYNC) != 0)
			log_ += "sync";
		if (message.replies != 0)
			log_ += ".,";
		else if (!only_if_replied)
			log_ += ",";
	}

	bool requests_;
	ps_stream stream_{};
	std::array<__u8, PS_IN_BUFFER> window_{};
	std::string log_;
};

} // namespace prestack::memcached
