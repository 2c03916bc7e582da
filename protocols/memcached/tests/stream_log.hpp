// SPDX-License-Identifier: GPL-2.0-only
// What stream.h says of each message of a stream, as text: "<what it does>[.],", with the dot for a sure
// reply or the end of one.
#pragma once

#include <string>
#include <vector>

#include "../stream.h"
#include "tests/support/stream_reader.hpp"

namespace prestack::memcached
{

class StreamLog : private test::StreamReader
{
public:
	using StreamReader::cut;

	static std::string requests(const std::vector<std::string> &segments)
	{
		return StreamLog(true).log_of(segments);
	}
	static std::string replies(const std::vector<std::string> &segments)
	{
		return StreamLog(false).log_of(segments);
	}

private:
	explicit StreamLog(bool requests) : StreamReader(" "), requests_(requests) {}

	void look(const ps_cursor &cursor, ps_message &message) override
	{
		if (requests_)
			request(cursor, message);
		else
			reply(cursor, message);
	}

	std::string key(const mc_command &command) const
	{
		return text(command.key, command.key_len);
	}

	void request(const ps_cursor &cursor, ps_message &message)
	{
		mc_event event{};
		const __u32 before = message.state;
		mc_stream_request(&cursor, &message, &event);
		/* A key and the end of its line may come as one message. */
		if (event.kind == MC_EVENT_READ)
			note("read " + key(event.cmd) + (message.replies != 0 ? "," : ""));
		else if (event.kind == MC_EVENT_WRITE)
			note("write " + key(event.cmd));
		else if (event.kind == MC_EVENT_FLUSH)
			note("flush " + std::to_string(event.cmd.seconds));
		const bool of_a_line = ((before | message.state) & MC_STREAM_KEYS) != 0;
		const bool changes = event.kind >= MC_EVENT_WRITE && !of_a_line;
		if ((message.flags & PS_MESSAGE_MAYBE) != 0)
			note(changes ? " maybe" : "maybe");
		else if (changes && message.replies == 0)
			note(" quiet");
		if (event.kind == MC_EVENT_WRITE && event.cmd.expiry != MC_EXPIRY_UNKNOWN)
			note(" expires " + std::to_string(event.cmd.seconds));
		end(message, of_a_line && event.kind == MC_EVENT_NOTHING);
	}

	void reply(const ps_cursor &cursor, ps_message &message)
	{
		mc_answer answer{};
		mc_stream_reply(&cursor, &message, &answer);
		if (answer.value != 0) {
			note("value " + text(answer.v.key, answer.v.key_len) + " " +
			     std::to_string(answer.v.flags) + " " +
			     std::to_string(answer.v.data_len));
		}
		if ((message.flags & PS_MESSAGE_SUCCEEDED) != 0)
			note("succeeded");
		if ((message.flags & PS_MESSAGE_ERROR) != 0)
			note("error");
		if (answer.effect != 0)
			note("effect");
		end(message, false);
	}

	// Of a line of keys only the keys and the end are noted: how it is cut up is nobody's business.
	void end(const ps_message &message, bool only_if_replied)
	{
		if (message.kind != PS_MESSAGE_WHOLE)
			return;
		if ((message.flags & PS_MESSAGE_SYNC) != 0)
			note("sync");
		if (message.replies != 0)
			note(".,");
		else if (!only_if_replied)
			note(",");
	}

	bool requests_;
};

} // namespace prestack::memcached
