// SPDX-License-Identifier: GPL-2.0-only
// What the agent looks at about once a second, since Redis tells nobody when it changes: what we may read, and
// which slots of a cluster are here. Nothing of it counts as a read of a key. Internal to the codec.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent_resp.hpp"
#include "loader/plugin/agent_codec.hpp"

namespace prestack
{
namespace
{

constexpr std::size_t longest_opening = 65536; // of one answer; HELLO's lists the modules
constexpr std::size_t longest_slots = 4'194'304; // of the list of a large cluster's slots
// All that is answered from the cache must be allowed; of a key that need not be there.
constexpr std::array<std::string_view, 4> reads{"GET", "MGET", "STRLEN", "EXISTS"};
constexpr std::string_view no_key = "prestack:no such key";

AgentReply reply_of(AgentReply::Status status, std::size_t consumed = 0)
{
	AgentReply reply;
	reply.status = status;
	reply.consumed = consumed;
	return reply;
}

void append_command(std::string &out, std::initializer_list<std::string_view> words)
{
	out += "*" + std::to_string(words.size());
	out += line_end;
	for (const auto word : words) {
		out += "$" + std::to_string(word.size());
		out += line_end;
		out += word;
		out += line_end;
	}
}

// The whole value at the start of the input, whatever is in it: 0 if it is incomplete.
std::optional<std::size_t> size_of_value(std::string_view input, std::size_t longest)
{
	std::size_t pos = 0;
	for (std::uint64_t left = 1; left != 0; --left) {
		if (pos >= input.size()) {
			return 0;
		}
		const auto element = read_element(input.substr(pos));
		if (element.status == Element::Status::broken || element.size() > longest ||
		    element.elements > longest) {
			return std::nullopt;
		}
		if (element.status == Element::Status::incomplete) {
			return 0;
		}
		pos += element.size();
		left += element.elements;
	}
	return pos <= input.size() ? pos : 0;
}

// Whether who is told this may not use the command at all, or nobody may now. Some keys may be denied,
// or be elsewhere in a cluster: each key is asked about by itself.
bool denies_reading(std::string_view error)
{
	constexpr std::array<std::string_view, 3> harmless{"MOVED ", "ASK ", "WRONGTYPE "};
	if (error.starts_with("NOPERM ")) {
		return error.find(" key") == std::string_view::npos;
	}
	return std::ranges::none_of(harmless,
				    [error](auto start) { return error.starts_with(start); });
}

class Look
{
public:
	// Of the answer to HELLO: whether there are slots, and whether this connection's reads can be such
	// as do not count in the server's LRU and LFU.
	void greeted(std::string_view hello)
	{
		const auto value_of = [hello](std::string_view name) {
			const auto at = hello.find(name);
			const auto rest =
				at == std::string_view::npos
					? std::string_view()
					: hello.substr(at + name.size() + line_end.size());
			return read_element(rest).bulk_in(rest).value_or("");
		};
		const auto version = value_of("version");
		const auto dot = std::min(version.find('.'), version.size());
		const auto major = number(version.substr(0, dot)).value_or(0);
		const auto minor_text = version.substr(std::min(dot + 1, version.size()));
		const auto minor = number(minor_text.substr(0, minor_text.find('.'))).value_or(0);
		*this = {};
		may_hide_ = major > 7 || (major == 7 && minor >= 2);
		has_slots_ = value_of("mode") == "cluster";
	}

	// In a transaction that is not carried out: the server says of each command what it says of any
	// that it does not carry out, and neither counts a miss nor tells of one.
	void encode(std::string &out)
	{
		steps_.clear();
		next_ = 0;
		denied_ = false;
		const auto add = [&](Step step, std::initializer_list<std::string_view> words) {
			append_command(out, words);
			steps_.push_back(step);
		};
		if (std::exchange(may_hide_, false)) {
			add(Step::other, {"CLIENT", "NO-TOUCH", "ON"});
		}
		add(Step::other, {"MULTI"});
		for (const auto read : reads) {
			add(Step::read, {read, no_key});
		}
		add(Step::other, {"DISCARD"});
		if (has_slots_) {
			add(Step::epoch, {"CLUSTER", "INFO"});
			add(Step::slots, {"CLUSTER", "SLOTS"});
		}
	}

	// Answers are to come.
	[[nodiscard]] bool under_way() const { return next_ < steps_.size(); }
	// As of the last look.
	[[nodiscard]] bool denied() const { return denied_; }
	// Slots are not where they were; once for each time.
	[[nodiscard]] bool slots_moved() { return std::exchange(moved_, false); }

	AgentReply decode(std::string_view input)
	{
		const auto step = steps_[next_];
		const auto longest = step == Step::slots ? longest_slots : longest_opening;
		const auto size = size_of_value(input, longest);
		if (!size || *size == 0) {
			const bool wait = size && input.size() < longest;
			return reply_of(wait ? AgentReply::Status::incomplete
					     : AgentReply::Status::broken);
		}
		if (step == Step::read) {
			const auto element = read_element(input);
			denied_ = denied_ || (element.type == '-' && denies_reading(element.text));
		} else if (step == Step::epoch) {
			compare(epoch_, line_of(input.substr(0, *size), "cluster_current_epoch:"));
		} else if (step == Step::slots) {
			compare(slots_, input.substr(0, *size));
		}
		++next_;
		return reply_of(AgentReply::Status::part, *size);
	}

private:
	enum class Step { other, read, epoch, slots };

	static std::string_view line_of(std::string_view text, std::string_view name)
	{
		const auto line = text.substr(std::min(text.find(name), text.size()));
		return line.substr(0, line.find(line_end));
	}
	void compare(std::optional<std::string> &before, std::string_view now)
	{
		moved_ = moved_ || (before && *before != now);
		before = now;
	}

	std::vector<Step> steps_; // of this look
	std::size_t next_ = 0;
	bool denied_ = false;
	bool may_hide_ = false;
	bool has_slots_ = false;
	bool moved_ = false;
	// As last told. A slot that came and went since leaves the list as it was, but not the epoch.
	std::optional<std::string> slots_;
	std::optional<std::string> epoch_;
};

} // namespace
} // namespace prestack
