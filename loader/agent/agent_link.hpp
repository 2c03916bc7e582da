// SPDX-License-Identifier: GPL-2.0-only
// The agent's connection to one server: questions go out in a pipeline, answers come back in order.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "plugin/agent_codec.hpp"

namespace prestack
{

struct AgentLinkLimits {
	std::size_t in_flight = 1024; // questions without an answer
	std::chrono::milliseconds patience{1000}; // for connecting, and for each answer
	std::chrono::milliseconds first_retry{100}; // after a loss; doubles each time
	std::chrono::milliseconds longest_retry{5000};
	std::chrono::milliseconds heartbeat{50}; // at least between two, and one at a time
};

// Everything happens on the loop's thread; nothing blocks.
class AgentLink
{
public:
	using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as the kernel half's
	// `reply` is null if there will be none. `asked_at` is before the question was sent.
	using OnReply = std::function<void(const AgentReply *reply, Clock::time_point asked_at)>;
	struct Events {
		std::function<void()> connected; // and the opening was accepted
		// The connection was lost, or could not be made, or an answer made no sense.
		std::function<void(const std::string &reason)> lost;
		// All answers that have arrived were given to their questions.
		std::function<void()> batch_done;
		// The rest may be empty for a codec without a change feed.
		// The server has refused the opening; `lost` follows.
		std::function<void()> refused{};
		std::function<void(const FeedMessage &message)> changes{};
		// The feed has told of all that the server did before caught_up_to(). What it told must be
		// dealt with before this returns.
		std::function<void()> caught_up{};
	};

	AgentLink(EventLoop &loop, const Endpoint &server, std::unique_ptr<AgentCodec> codec,
		  Events events, AgentLinkLimits limits = {});
	AgentLink(const AgentLink &) = delete;
	AgentLink &operator=(const AgentLink &) = delete;
	~AgentLink();

	// False, and `on_reply` is dropped, if there is no connection, too much is in flight, or the key
	// cannot be asked about. Sent with the next push().
	[[nodiscard]] bool ask(const AgentQuestion &question, OnReply on_reply);
	void push();
	// Connects when it is time, and gives up on a server that keeps us waiting. Call often.
	void tick();

	[[nodiscard]] bool connected() const { return state_ == State::open; }
	[[nodiscard]] bool needs_change_feed() const { return codec_->needs_change_feed(); }
	// The change feed has told of all that the server did before this time. Nothing: there is no
	// connection, or no heartbeat was answered on it.
	[[nodiscard]] std::optional<Clock::time_point> caught_up_to() const
	{
		return caught_up_to_;
	}
	[[nodiscard]] std::size_t in_flight() const { return pending_.size(); }
	// Our end, while there is a connection.
	[[nodiscard]] std::optional<Endpoint> local() const { return local_; }

private:
	enum class State { disconnected, connecting, opening, open };
	enum class Kind { opening, question, repair, heartbeat };
	struct Pending {
		Kind kind = Kind::question;
		std::string key{}; // the question's, and its purpose
		AgentPurpose purpose = AgentPurpose::expiry;
		Clock::time_point asked_at;
		OnReply on_reply{};
	};

	void connect();
	void on_connected();
	void receive();
	void decode();
	// What is to be done with the first bytes of the input. False: no more for now.
	[[nodiscard]] bool decode_one(std::string_view input, std::size_t &consumed);
	[[nodiscard]] AgentReply decode_answer(std::string_view input);
	void on_answer(const AgentReply &reply);
	void on_heartbeat(bool refused, Clock::time_point asked_at);
	void beat(Clock::time_point now);
	void opened();
	void lose(const std::string &reason);
	void on_ready(EventLoop::Ready ready);

	EventLoop &loop_;
	Endpoint server_;
	std::unique_ptr<AgentCodec> codec_;
	Events events_;
	AgentLinkLimits limits_;

	State state_ = State::disconnected;
	UniqueFd socket_;
	std::optional<Endpoint> local_;
	Clock::time_point since_{}; // connecting
	Clock::time_point retry_at_{};
	std::chrono::milliseconds retry_;
	std::deque<Pending> pending_;
	std::string out_;
	std::string in_;
	std::size_t skip_ = 0; // bytes of an answer yet to come that nobody wants
	bool blocked_ = false; // waits until more can be sent
	// A heartbeat's answer may leave the server before the message of a change that was made just before
	// it. So it is the heartbeat before that counts. The opening counts as the first.
	Clock::time_point beat_at_{}; // when the last one that was answered was sent
	std::optional<Clock::time_point> caught_up_to_;
	bool heartbeat_pending_ = false;
};

} // namespace prestack
