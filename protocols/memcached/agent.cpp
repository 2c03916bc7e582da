// SPDX-License-Identifier: GPL-2.0-only
#include "agent.hpp"

#include <algorithm>
#include <charconv>

namespace prestack
{
namespace
{

constexpr std::size_t longest_key = 250;
constexpr std::size_t longest_line = 2048; // of an answer; the longest that occurs has 300 bytes
constexpr std::size_t longest_value = 4096; // more than any entry holds
constexpr std::string_view line_end = "\r\n";

using Status = AgentReply::Status;

template <typename Number>
std::optional<Number> number(std::string_view text)
{
	Number value = 0;
	const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (problem != std::errc{} || rest != text.data() + text.size()) {
		return std::nullopt;
	}
	return value;
}

// The first line without its end; nothing while it is incomplete.
std::optional<std::string_view> first_line(std::string_view input)
{
	const auto end = input.substr(0, longest_line).find(line_end);
	return end == std::string_view::npos ? std::nullopt : std::optional(input.substr(0, end));
}

std::string_view next_word(std::string_view &line)
{
	line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
	const auto word = line.substr(0, line.find(' '));
	line.remove_prefix(word.size());
	return word;
}

bool is_refusal(std::string_view word)
{
	return word == "ERROR" || word == "CLIENT_ERROR" || word == "SERVER_ERROR";
}

AgentReply failed(Status status, std::size_t consumed = 0)
{
	AgentReply reply;
	reply.status = status;
	reply.consumed = consumed;
	return reply;
}

AgentReply incomplete(std::string_view input)
{
	return failed(input.size() < longest_line ? Status::incomplete : Status::broken);
}

// What the flags after the first words say. False: one that must be there is not, or is no number, or
// this is another key's.
bool read_flags(std::string_view line, std::string_view key, AgentReply &reply,
		std::optional<std::uint64_t> &cas, bool &won)
{
	std::string_view told_key;
	bool encoded = false;
	std::optional<std::int64_t> left;
	std::optional<std::uint32_t> flags;
	for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
		const auto rest = word.substr(1);
		switch (word.front()) {
		case 'k':
			told_key = rest;
			break;
		case 'b': // the key was given as base64, and is told so
			encoded = true;
			reply.plain = false;
			break;
		case 't':
			left = number<std::int64_t>(rest);
			break;
		case 'f':
			flags = number<std::uint32_t>(rest);
			break;
		case 'c':
			cas = number<std::uint64_t>(rest);
			break;
		case 'W': // we are the one who is to write the item anew
			won = true;
			reply.plain = false;
			break;
		case 'X': // stale
		case 'Z': // somebody else is to write it anew
			reply.plain = false;
			break;
		default:
			break;
		}
	}
	if (!left || *left < -1 || !flags || !cas || (told_key != key && !encoded)) {
		return false;
	}
	if (*left >= 0) {
		reply.seconds_left = static_cast<std::uint64_t>(*left);
	}
	reply.flags = *flags;
	return true;
}

class Codec final : public AgentCodec
{
public:
	// A meta get without `q`, so that a miss is answered too.
	bool encode(const AgentQuestion &question, std::string &out) override
	{
		if (question.key.empty() || question.key.size() > longest_key ||
		    std::ranges::any_of(question.key, [](char c) {
			    return static_cast<unsigned char>(c) <= ' ';
		    })) {
			return false;
		}
		out += "mg ";
		out += question.key;
		out += question.purpose == AgentPurpose::value ? " k t f c v\r\n" : " k t f c\r\n";
		return true;
	}

	AgentReply decode(const AgentQuestion &question, std::string_view input) override
	{
		const auto line = first_line(input);
		if (!line) {
			return incomplete(input);
		}
		auto rest = *line;
		const auto word = next_word(rest);
		const bool with_value = question.purpose == AgentPurpose::value;
		AgentReply reply;
		reply.status = Status::answered;
		reply.consumed = line->size() + line_end.size();
		if (word == "EN") {
			// Some versions tell the key of a miss too.
			const auto key = next_word(rest);
			return key.empty() || (key.front() == 'k' && key.substr(1) == question.key)
				       ? reply
				       : failed(Status::broken);
		}
		if (is_refusal(word)) {
			return failed(Status::refused, reply.consumed);
		}
		if (word != (with_value ? "VA" : "HD")) {
			return failed(Status::broken);
		}
		std::size_t size = 0;
		if (with_value) {
			const auto told = number<std::uint32_t>(next_word(rest));
			if (!told) {
				return failed(Status::broken);
			}
			size = *told;
		}
		std::optional<std::uint64_t> cas;
		bool won = false;
		if (!read_flags(rest, question.key, reply, cas, won)) {
			return failed(Status::broken);
		}
		reply.present = true;
		if (with_value) {
			const auto from = reply.consumed;
			reply.consumed += size + line_end.size();
			if (size <= longest_value) {
				if (input.size() < reply.consumed) {
					return failed(Status::incomplete);
				}
				if (input.substr(from + size, line_end.size()) != line_end) {
					return failed(Status::broken);
				}
				reply.value = input.substr(from, size);
			}
		}
		// The right to write a stale item anew goes to the first who asks. It was a client's: say
		// once more that the item is stale, unless it was written meanwhile (another cas).
		if (won && *cas != 0) {
			reply.repair = "md ";
			reply.repair += question.key;
			reply.repair += " I C" + std::to_string(*cas) + "\r\n";
		}
		return reply;
	}

	AgentReply decode_repair(std::string_view input) override
	{
		const auto line = first_line(input);
		if (!line) {
			return incomplete(input);
		}
		const auto consumed = line->size() + line_end.size();
		if (*line == "HD" || *line == "NF" || *line == "EX") {
			return failed(Status::answered, consumed);
		}
		auto rest = *line;
		return failed(is_refusal(next_word(rest)) ? Status::refused : Status::broken,
			      consumed);
	}
};

} // namespace

std::unique_ptr<AgentCodec> make_memcached_agent()
{
	return std::make_unique<Codec>();
}

} // namespace prestack
