// SPDX-License-Identifier: GPL-2.0-only
// The fixture of the tests of the agent's codec: reads answers part by part.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "../agent.hpp"

namespace prestack
{

using Status = AgentReply::Status;
using Feed = FeedMessage::Status;

inline constexpr AgentQuestion expiry{"key", AgentPurpose::expiry};
inline constexpr AgentQuestion full{"key", AgentPurpose::value};
inline constexpr AgentQuestion touch{"key", AgentPurpose::touch};
// The parts of an answer that come before that of PTTL.
inline const std::string may_read = "+OK\r\n+QUEUED\r\n+OK\r\n";

class RedisCodec : public testing::Test
{
protected:
	// The answer, whose parts are read on the way.
	AgentReply decode(const AgentQuestion &question, std::string_view input)
	{
		std::size_t pos = 0;
		auto reply = codec_->decode(question, input);
		for (; reply.status == Status::part;
		     reply = codec_->decode(question, input.substr(pos)))
			pos += reply.consumed;
		reply.consumed += pos;
		return reply;
	}
	// What a look is answered if all may be read, but for what is given in place of it.
	static std::string look(const std::string &last = "+QUEUED\r\n")
	{
		return "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n" + last + "+OK\r\n";
	}
	// Whether a heartbeat whose answers are these and PONG counts.
	bool beat(const std::string &answers)
	{
		std::string out;
		codec_->encode_heartbeat(out);
		const std::string all = answers + "+PONG\r\n";
		std::size_t pos = 0;
		auto reply = codec_->decode_heartbeat(all);
		for (; reply.status == Status::part;
		     reply = codec_->decode_heartbeat(std::string_view(all).substr(pos)))
			pos += reply.consumed;
		EXPECT_EQ(pos + reply.consumed, all.size());
		EXPECT_TRUE(reply.status == Status::answered || reply.status == Status::refused);
		return reply.status == Status::answered;
	}
	// All the keys that the news at the start of the input tell of, and '*' for anything.
	std::string news(std::string_view input, std::size_t *consumed = nullptr)
	{
		std::string all;
		std::size_t pos = 0;
		while (pos < input.size()) {
			const auto message = codec_->decode_feed(input.substr(pos));
			if (message.status != Feed::changes) {
				all += message.status == Feed::broken ? "broken " : "";
				break;
			}
			all += message.any_key ? "* " : "";
			for (const auto key : message.keys)
				all += std::string(key) + " ";
			pos += message.consumed;
		}
		if (consumed != nullptr)
			*consumed = pos;
		return all;
	}

	std::unique_ptr<AgentCodec> codec_ = make_redis_experimental_agent();
};

} // namespace prestack
