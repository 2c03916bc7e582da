// SPDX-License-Identifier: GPL-2.0-only
// What stream.bpf.h makes of the replies to a stream of requests: how many there will be, and how many
// there are. In buffers of the test's size, where the programs have windows.
#pragma once

#include <string>
#include <vector>

#include "parsing.hpp"

namespace prestack::memcached
{

struct ReplyCount {
	bool lost = false; // the place in the stream, or in that of the replies, is not known
	bool cut = false; // it ends within a request
	unsigned sure = 0; // replies that are sure to come
	unsigned possible = 0; // and that may come
	std::vector<mc_kind> kinds{}; // of the requests with a sure reply
};

inline bool line_of_keys_is_good(const Input &input, const mc_command &command)
{
	std::uint32_t pos = command.key;
	const ps_cursor cursor = input.cursor();
	while (mc_at_line_end(&cursor, pos, command.line_end) == 0) {
		if (ps_cursor_at(&cursor, pos) == ' ') {
			++pos;
			continue;
		}
		const std::uint32_t len = ps_cursor_token(&cursor, pos, MC_MAX_KEY + 1);
		if (len == 0 || len > MC_MAX_KEY)
			return false;
		pos += len;
	}
	return true;
}

inline ReplyCount count_expected_replies(const Input &input)
{
	ReplyCount result;
	const bool binary = input.end() > 0 && input.text(0, 1) == "\x80";
	for (std::uint32_t pos = 0; pos < input.end();) {
		const ps_cursor cursor = input.cursor(pos);
		mc_command command{};
		if (binary)
			mc_parse_binary(&cursor, &command);
		else
			mc_parse_command(&cursor, &command);
		const bool keys = command.kind == MC_READ_MANY || command.kind == MC_WRITE_MANY;
		result.cut = command.kind == MC_INCOMPLETE ||
			     (command.kind != MC_UNKNOWN && command.next > input.end());
		if (result.cut)
			break;
		result.lost = command.kind == MC_UNKNOWN || command.replies == MC_REPLIES_LOST ||
			      (keys && !line_of_keys_is_good(input, command));
		if (result.lost)
			break;
		if (command.replies == MC_REPLIES_ONE) {
			++result.sure;
			result.kinds.push_back(static_cast<mc_kind>(command.kind));
		}
		result.possible += command.replies == MC_REPLIES_MAYBE;
		// Nothing behind it is executed.
		if (input.text(pos, 4) == "quit" || (binary && (input.text(pos + 1, 1) == "\x07" ||
								input.text(pos + 1, 1) == "\x17")))
			break;
		pos = command.next;
	}
	return result;
}

// `reads`: for each reply, whether only a read is answered like this.
inline ReplyCount count_replies(const std::string &text, std::vector<bool> &reads)
{
	ReplyCount result;
	for (std::size_t at = 0; at < text.size();) {
		const std::size_t size = std::min<std::size_t>(text.size() - at, PS_IN_SIZE);
		const Input input(std::string_view(text).substr(at, size));
		const ps_cursor cursor = input.cursor();
		mc_reply reply{};
		if (text[0] == '\x81')
			mc_parse_binary_reply(&cursor, &reply);
		else
			mc_parse_reply(&cursor, &reply);
		result.lost = reply.kind == MC_REPLY_UNKNOWN || reply.kind == MC_REPLY_INCOMPLETE;
		if (result.lost)
			break;
		if (reply.kind == MC_REPLY_END) {
			++result.sure;
			reads.push_back(reply.reads != 0);
		}
		at += reply.next + reply.body;
	}
	return result;
}

} // namespace prestack::memcached
