// SPDX-License-Identifier: GPL-2.0-only
#include "agent.hpp"

#include <array>

#include "agent_look.hpp"

namespace prestack
{
namespace
{

// From a node's port to that of its cluster bus.
constexpr unsigned bus_offset = 10000;

constexpr std::size_t longest_key = 512; // a longer one is in no entry
constexpr std::size_t longest_value = 4096; // nor is such a value
// So many heartbeats, about a second, between two looks at what we may read.
constexpr unsigned beats_per_look = 10;

using Status = AgentReply::Status;

AgentReply failed(Status status, std::size_t consumed = 0)
{
	return reply_of(status, consumed);
}

FeedMessage feed_message(FeedMessage::Status status, std::size_t consumed = 0)
{
	FeedMessage message;
	message.status = status;
	message.consumed = consumed;
	return message;
}

class Codec final : public AgentCodec
{
public:
	unsigned open(std::string &out) override
	{
		left_ = 0;
		beats_ = 0;
		look_ = {};
		greeted_ = false;
		begin_question();
		out += "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
		       "*5\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$5\r\nBCAST\r\n"
		       "$6\r\nNOLOOP\r\n";
		return 2;
	}

	// A map, and then +OK.
	AgentReply decode_opening(std::string_view input) override
	{
		const auto size = size_of_value(input, longest_opening);
		if (!size) {
			return failed(Status::broken);
		}
		if (*size == 0) {
			return failed(input.size() < longest_opening ? Status::incomplete
								     : Status::broken);
		}
		if (!std::exchange(greeted_, true)) {
			look_.greeted(input.substr(0, *size));
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

	// PTTL counts as no read of the key in the server's LRU and LFU, a GET that is not carried out as none at
	// all. That is asked for since it is refused to who may not read the key.
	bool encode(const AgentQuestion &question, std::string &out) override
	{
		switch (question.purpose) {
		case AgentPurpose::expiry:
			append_command(out, {"MULTI"});
			append_command(out, {"GET", question.key});
			append_command(out, {"DISCARD"});
			append_command(out, {"PTTL", question.key});
			break;
		case AgentPurpose::value:
			append_command(out, {"PTTL", question.key});
			append_command(out, {"GET", question.key});
			break;
		case AgentPurpose::touch:
			append_command(out, {"TOUCH", question.key});
			break;
		}
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
		const auto reply = decode_part(question, input, element);
		if (reply.status == Status::part) {
			++part_;
		} else if (reply.status != Status::incomplete) {
			begin_question();
		}
		return reply;
	}

	AgentReply decode_repair(std::string_view) override { return failed(Status::broken); }

	// The change feed does not tell when rights are taken or slots are lost, so both are looked at now and then.
	void encode_heartbeat(std::string &out) override
	{
		if (beats_++ % beats_per_look == 0) {
			look_.encode(out);
		}
		append_command(out, {"PING"});
	}

	AgentReply decode_heartbeat(std::string_view input) override
	{
		if (look_.under_way()) {
			return look_.decode(input);
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
		return failed(answers && !look_.denied() ? Status::answered : Status::refused,
			      element.head);
	}

	// A push of two: "invalidate", and the keys, or null for all there are. What is pushed besides
	// is not known; better to believe that it means much.
	FeedMessage decode_feed(std::string_view input) override
	{
		if (look_.slots_moved()) {
			auto message = feed_message(FeedMessage::Status::changes);
			message.any_key = true;
			return message;
		}
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

	void begin_question()
	{
		part_ = 0;
		refused_ = false;
		milliseconds_ = 0;
	}

	AgentReply decode_part(const AgentQuestion &question, std::string_view input,
			       const Element &element)
	{
		constexpr unsigned of_get = 1; // and the last of them is PTTL's
		constexpr unsigned last_of_expiry = 3;
		switch (question.purpose) {
		case AgentPurpose::touch:
			return element.type == '-' || element.type == ':'
				       ? failed(element.type == '-' ? Status::refused
								    : Status::answered,
						element.head)
				       : failed(Status::broken);
		case AgentPurpose::value:
			return part_ == 0 ? decode_ttl(element) : decode_value(input, element);
		case AgentPurpose::expiry:
			break;
		}
		if (part_ == last_of_expiry) {
			auto reply = decode_ttl(element);
			if (reply.status == Status::part) {
				finish(reply, milliseconds_ != -2);
			}
			return reply;
		}
		refused_ = refused_ || (part_ == of_get && element.type == '-');
		// Who may not begin a transaction carries it out.
		const bool carried_out =
			part_ == of_get && (element.type == '$' || element.type == '_');
		return element.type == '+' || element.type == '-' || carried_out
			       ? failed(Status::part, element.size())
			       : failed(Status::broken);
	}

	void finish(AgentReply &reply, bool present) const
	{
		reply.status = refused_ ? Status::refused : Status::answered;
		reply.present = present && milliseconds_ != -2;
		if (milliseconds_ >= 0) {
			reply.milliseconds_left = static_cast<std::uint64_t>(milliseconds_);
		}
	}

	AgentReply decode_ttl(const Element &element)
	{
		if (element.type == '-') {
			refused_ = true;
		} else {
			const auto told = number(element.text);
			if (element.type != ':' || !told || *told < -2) {
				return failed(Status::broken);
			}
			milliseconds_ = *told;
		}
		return failed(Status::part, element.head);
	}

	AgentReply decode_value(std::string_view input, const Element &element)
	{
		auto reply = failed(Status::answered, element.size());
		if (element.type != '-' && element.type != '_' && element.type != '$') {
			return failed(Status::broken);
		}
		refused_ = refused_ || element.type == '-';
		finish(reply, element.has_bulk);
		if (element.has_bulk && element.bulk <= longest_value) {
			reply.value = element.bulk_in(input);
			if (!reply.value) {
				return failed(Status::incomplete);
			}
			if (!element.ends_well(input)) {
				return failed(Status::broken);
			}
		}
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

	Look look_;
	unsigned beats_ = 0;
	bool greeted_ = false; // HELLO was answered
	unsigned part_ = 0; // of the answer to the question at hand
	bool refused_ = false; // a part of it
	std::int64_t milliseconds_ = 0; // -1: for ever, -2: there is no such key
	std::uint64_t left_ = 0; // elements to come of the push that we are in
	bool in_keys_ = false;
};

} // namespace

std::unique_ptr<AgentCodec> make_redis_experimental_agent()
{
	return std::make_unique<Codec>();
}

} // namespace prestack
