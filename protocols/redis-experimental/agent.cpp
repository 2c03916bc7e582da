// SPDX-License-Identifier: GPL-2.0-only
#include "agent.hpp"

#include <algorithm>
#include <array>

#include "agent_resp.hpp"

namespace prestack
{
namespace
{

// From a node's port to that of its cluster bus.
constexpr unsigned bus_offset = 10000;

constexpr std::size_t longest_opening = 65536; // of one answer; HELLO's lists the modules
constexpr std::size_t longest_key = 512; // a longer one is in no entry
constexpr std::size_t longest_value = 4096; // nor is such a value
// So many heartbeats, about a second, between two looks at what we may read.
constexpr unsigned beats_per_look = 10;
// All that is answered from the cache must be allowed; of a key that need not be there.
constexpr std::array<std::string_view, 4> reads{"GET", "MGET", "STRLEN", "EXISTS"};
constexpr std::string_view no_key = "prestack:no such key";

using Status = AgentReply::Status;

AgentReply failed(Status status, std::size_t consumed = 0)
{
	AgentReply reply;
	reply.status = status;
	reply.consumed = consumed;
	return reply;
}

FeedMessage feed_message(FeedMessage::Status status, std::size_t consumed = 0)
{
	FeedMessage message;
	message.status = status;
	message.consumed = consumed;
	return message;
}

// The whole value at the start of the input, whatever is in it: 0 if it is incomplete.
std::optional<std::size_t> size_of_value(std::string_view input)
{
	std::size_t pos = 0;
	for (std::uint64_t left = 1; left != 0; --left) {
		if (pos >= input.size()) {
			return 0;
		}
		const auto element = read_element(input.substr(pos));
		if (element.status == Element::Status::broken || element.size() > longest_opening ||
		    element.elements > longest_opening) {
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

void append_command(std::string &out, std::string_view name, std::string_view key)
{
	const auto append = [&out](std::string_view argument) {
		out += "$" + std::to_string(argument.size());
		out += line_end;
		out += argument;
		out += line_end;
	};
	out += "*2\r\n";
	append(name);
	append(key);
}

class Codec final : public AgentCodec
{
public:
	unsigned open(std::string &out) override
	{
		left_ = 0;
		looks_ = beats_ = 0;
		denied_ = false;
		ttl_.reset();
		out += "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
		       "*5\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$5\r\nBCAST\r\n"
		       "$6\r\nNOLOOP\r\n";
		return 2;
	}

	// A map, and then +OK.
	AgentReply decode_opening(std::string_view input) override
	{
		const auto size = size_of_value(input);
		if (!size) {
			return failed(Status::broken);
		}
		if (*size == 0) {
			return failed(input.size() < longest_opening ? Status::incomplete
								     : Status::broken);
		}
		return failed(input.front() == '-' ? Status::refused : Status::answered, *size);
	}

	bool needs_change_feed() const override { return true; }
	bool lives_by_wall_clock() const override { return true; }

	// The cluster bus, where it is unless configured otherwise: other nodes speak there, no clients.
	bool is_side_port(std::uint16_t service_port, std::uint16_t port) const override
	{
		return port == service_port + bus_offset;
	}

	// Both touch the key. GET is asked for although only the time is wanted: it is refused to who
	// may not read, and of what is no string.
	bool encode(const AgentQuestion &question, std::string &out) override
	{
		append_command(out, "PTTL", question.key);
		append_command(out, "GET", question.key);
		return true;
	}

	AgentReply decode(const AgentQuestion &question, std::string_view input) override
	{
		const auto element = read_element(input);
		if (element.status != Element::Status::whole) {
			return failed(element.status == Element::Status::broken
					      ? Status::broken
					      : Status::incomplete);
		}
		return ttl_ ? decode_value(question, input, element) : decode_ttl(element);
	}

	AgentReply decode_repair(std::string_view) override { return failed(Status::broken); }

	// The change feed does not tell when rights are taken, so what we may do is looked at now and then.
	void encode_heartbeat(std::string &out) override
	{
		looks_ = beats_++ % beats_per_look == 0 ? reads.size() : 0;
		denied_ = looks_ == 0 && denied_;
		for (std::size_t i = 0; i < looks_; ++i) {
			append_command(out, reads[i], no_key);
		}
		out += "*1\r\n$4\r\nPING\r\n";
	}

	AgentReply decode_heartbeat(std::string_view input) override
	{
		if (looks_ != 0) {
			return decode_look(input);
		}
		const auto element = read_element(input);
		if (element.status == Element::Status::incomplete) {
			return failed(Status::incomplete);
		}
		bool answers = element.type == '+' && element.text == "PONG";
		if (!answers && element.type != '-') {
			return failed(Status::broken);
		}
		// It does not like that it cannot save; reads are answered.
		answers = answers || element.text.starts_with("MISCONF ");
		return failed(answers && !denied_ ? Status::answered : Status::refused,
			      element.head);
	}

	// A push of two: "invalidate", and the keys, or null for all there are. What is pushed besides
	// is not known; better to believe that it means much.
	FeedMessage decode_feed(std::string_view input) override
	{
		if (left_ != 0) {
			return in_keys_ ? decode_keys(input) : skip(input);
		}
		if (input.front() != '>') {
			return {};
		}
		std::array<Element, 3> parts;
		std::size_t pos = 0;
		for (std::size_t i = 0; i < parts.size(); ++i) {
			auto &part = parts[i];
			part = read_element(input.substr(std::min(pos, input.size())));
			if (part.status == Element::Status::incomplete) {
				return feed_message(FeedMessage::Status::incomplete);
			}
			if (part.status == Element::Status::broken) {
				return feed_message(FeedMessage::Status::broken);
			}
			const bool named =
				i != 1 || (part.type == '$' && part.bulk == invalidate.size());
			if ((i == 0 && part.elements != 2) || !named) {
				return unknown_push(parts[0]);
			}
			if (i == 1) {
				const auto name = part.bulk_in(input.substr(pos));
				if (!name) {
					return feed_message(FeedMessage::Status::incomplete);
				}
				if (*name != invalidate || !part.ends_well(input.substr(pos))) {
					return unknown_push(parts[0]);
				}
			}
			pos += part.size();
		}
		if (!parts[2].null && parts[2].type != '*') {
			return unknown_push(parts[0]);
		}
		auto message = feed_message(FeedMessage::Status::changes, pos);
		message.any_key = parts[2].null;
		left_ = parts[2].elements;
		in_keys_ = true;
		return message;
	}

private:
	static constexpr std::string_view invalidate = "invalidate";

	struct Ttl {
		bool refused = false;
		std::int64_t milliseconds = 0; // -1: for ever, -2: there is no such key
	};

	AgentReply decode_look(std::string_view input)
	{
		const auto size = size_of_value(input);
		if (!size || *size == 0) {
			const bool wait = size && input.size() < longest_opening;
			return failed(wait ? Status::incomplete : Status::broken);
		}
		const auto element = read_element(input);
		denied_ = denied_ || (element.type == '-' && denies_reading(element.text));
		--looks_;
		return failed(Status::part, *size);
	}

	AgentReply decode_ttl(const Element &element)
	{
		Ttl ttl;
		if (element.type == '-') {
			ttl.refused = true;
		} else {
			const auto told = number(element.text);
			if (element.type != ':' || !told || *told < -2) {
				return failed(Status::broken);
			}
			ttl.milliseconds = *told;
		}
		ttl_ = ttl;
		return failed(Status::part, element.head);
	}

	AgentReply decode_value(const AgentQuestion &question, std::string_view input,
				const Element &element)
	{
		AgentReply reply;
		reply.consumed = element.size();
		reply.status =
			element.type == '-' || ttl_->refused ? Status::refused : Status::answered;
		if (element.type != '-' && element.type != '_' && element.type != '$') {
			return failed(Status::broken);
		}
		reply.present = element.has_bulk && ttl_->milliseconds != -2;
		if (ttl_->milliseconds >= 0) {
			reply.milliseconds_left = static_cast<std::uint64_t>(ttl_->milliseconds);
		}
		if (question.value && element.has_bulk && element.bulk <= longest_value) {
			reply.value = element.bulk_in(input);
			if (!reply.value) {
				return failed(Status::incomplete);
			}
			if (!element.ends_well(input)) {
				return failed(Status::broken);
			}
		}
		ttl_.reset();
		return reply;
	}

	// The keys that are there, up to one that is not, or is long.
	FeedMessage decode_keys(std::string_view input)
	{
		auto message = feed_message(FeedMessage::Status::changes);
		while (left_ != 0 && message.consumed < input.size()) {
			const auto rest = input.substr(message.consumed);
			const auto element = read_element(rest);
			const auto key = element.bulk_in(rest);
			const bool wanted = element.bulk <= longest_key;
			const bool whole = element.status == Element::Status::whole;
			if ((!whole && element.status != Element::Status::incomplete) ||
			    (whole && !element.has_bulk) ||
			    (key && wanted && !element.ends_well(rest))) {
				message.status = FeedMessage::Status::broken;
			} else if (!whole || (wanted && !key)) {
				message.status = FeedMessage::Status::incomplete;
			} else {
				if (wanted) {
					message.keys.push_back(*key);
				}
				message.consumed += element.size();
				--left_;
				continue;
			}
			// What was read before it counts first.
			if (message.consumed != 0) {
				message.status = FeedMessage::Status::changes;
			}
			break;
		}
		return message;
	}

	FeedMessage unknown_push(const Element &push)
	{
		auto message = feed_message(FeedMessage::Status::changes, push.head);
		message.any_key = true;
		left_ = push.elements;
		in_keys_ = false;
		return message;
	}

	FeedMessage skip(std::string_view input)
	{
		const auto element = read_element(input);
		if (element.status != Element::Status::whole) {
			return feed_message(element.status == Element::Status::broken
						    ? FeedMessage::Status::broken
						    : FeedMessage::Status::incomplete);
		}
		left_ += element.elements;
		--left_;
		return feed_message(FeedMessage::Status::changes, element.size());
	}

	std::size_t looks_ = 0; // answers to come before that to PING
	unsigned beats_ = 0;
	bool denied_ = false; // as of the last look
	std::optional<Ttl> ttl_; // of the question whose value comes next
	std::uint64_t left_ = 0; // elements to come of the push that we are in
	bool in_keys_ = false;
};

} // namespace

std::unique_ptr<AgentCodec> make_redis_experimental_agent()
{
	return std::make_unique<Codec>();
}

} // namespace prestack
