// SPDX-License-Identifier: GPL-2.0-only
// The agent's decoder: what comes in pieces is read as what comes at once, and nothing is read
// beyond the input.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../agent.cpp"

namespace
{

using namespace prestack;

void require(bool condition)
{
	if (!condition)
		abort();
}

// Reads as the loader's connection does: an opening first, and then questions and heartbeats by turns.
// What was read goes into a log, in which the parts of a list of keys cannot be told apart.
class Reader
{
public:
	Reader() { left_ = codec_->open(out_); }

	// All that is there after some more has come.
	void read(const uint8_t *data, size_t size)
	{
		const auto skipped = std::min(skip_, size);
		skip_ -= skipped;
		in_.append(reinterpret_cast<const char *>(data) + skipped, size - skipped);
		while (!over_ && skip_ == 0 && !in_.empty() && step()) {
		}
	}
	const std::string &log() const { return log_; }

private:
	bool step()
	{
		// An allocation of its own: AddressSanitizer sees any access beyond.
		char *copy = static_cast<char *>(malloc(in_.size()));
		memcpy(copy, in_.data(), in_.size());
		const std::string_view input(copy, in_.size());
		const bool more = step(input);
		free(copy);
		return more;
	}
	bool step(std::string_view input)
	{
		const auto inside = [input](std::string_view part) {
			require(part.data() >= input.data() &&
				part.data() + part.size() <= input.data() + input.size());
		};
		const auto message = codec_->decode_feed(input);
		if (message.status == FeedMessage::Status::changes) {
			log_ += message.any_key ? "*;" : "";
			for (const auto key : message.keys) {
				inside(key);
				log_ += "k" + std::string(key) + ";";
			}
			// That slots have moved is no part of the input.
			return message.consumed == 0 && message.any_key ? true
									: consume(message.consumed);
		}
		if (message.status != FeedMessage::Status::none)
			return stop(message.status == FeedMessage::Status::broken);
		constexpr unsigned kinds = 4;
		const unsigned kind = turn_ % kinds; // a heartbeat is the last
		const AgentQuestion question{"key", kind == 0	? AgentPurpose::expiry
						    : kind == 1 ? AgentPurpose::value
								: AgentPurpose::touch};
		const bool opening = left_ != 0;
		const auto reply = opening	       ? codec_->decode_opening(input)
				   : kind + 1 == kinds ? codec_->decode_heartbeat(input)
						       : codec_->decode(question, input);
		if (reply.status == Status::incomplete)
			return false;
		if (reply.status == Status::broken)
			return stop(true);
		if (reply.status == Status::part) {
			log_ += "p;";
			return consume(reply.consumed);
		}
		left_ -= opening ? 1 : 0;
		turn_ += opening ? 0 : 1;
		if (turn_ % kinds + 1 == kinds && !opening)
			codec_->encode_heartbeat(out_);
		log_ += reply.status == Status::refused ? "r" : "a";
		log_ += reply.present ? "+" : "-";
		log_ += std::to_string(reply.milliseconds_left.value_or(~0ULL));
		if (reply.value) {
			inside(*reply.value);
			log_ += *reply.value;
		}
		log_ += ";";
		return consume(reply.consumed);
	}
	bool stop(bool broken)
	{
		over_ = broken;
		log_ += broken ? "broken" : "";
		return false;
	}
	bool consume(size_t consumed)
	{
		require(consumed > 0);
		const auto there = std::min(consumed, in_.size());
		skip_ = consumed - there;
		in_.erase(0, there);
		return true;
	}

	std::unique_ptr<AgentCodec> codec_ = make_redis_experimental_agent();
	std::string out_;
	std::string in_;
	std::string log_;
	size_t skip_ = 0;
	unsigned left_ = 0;
	unsigned turn_ = 0;
	bool over_ = false;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Reader at_once;
	at_once.read(data, size);
	Reader in_bytes;
	for (size_t i = 0; i < size; ++i)
		in_bytes.read(data + i, 1);
	require(at_once.log() == in_bytes.log());
	return 0;
}
