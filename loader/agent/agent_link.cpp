// SPDX-License-Identifier: GPL-2.0-only
#include "agent/agent_link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "watch/server_sockets.hpp"

namespace prestack
{
namespace
{

constexpr std::size_t receive_size = 65536;

// What a wildcard address means to somebody on the same host.
sockaddr_storage to_sockaddr(const Endpoint &server, socklen_t &length)
{
	sockaddr_storage storage{};
	const bool any = server.address.is_wildcard();
	if (server.address.family == IpFamily::v4) {
		auto *in = reinterpret_cast<sockaddr_in *>(&storage);
		in->sin_family = AF_INET;
		in->sin_port = htons(server.port);
		std::memcpy(&in->sin_addr, server.address.bytes.data() + 12, 4);
		if (any) {
			in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		}
		length = sizeof *in;
	} else {
		auto *in = reinterpret_cast<sockaddr_in6 *>(&storage);
		in->sin6_family = AF_INET6;
		in->sin6_port = htons(server.port);
		std::memcpy(&in->sin6_addr, server.address.bytes.data(), 16);
		if (any) {
			in->sin6_addr = in6addr_loopback;
		}
		length = sizeof *in;
	}
	return storage;
}

std::optional<Endpoint> local_end(int socket)
{
	sockaddr_storage storage{};
	socklen_t length = sizeof storage;
	if (getsockname(socket, reinterpret_cast<sockaddr *>(&storage), &length) != 0) {
		return std::nullopt;
	}
	if (storage.ss_family == AF_INET) {
		const auto *in = reinterpret_cast<const sockaddr_in *>(&storage);
		return Endpoint{socket_address(AF_INET, &in->sin_addr), ntohs(in->sin_port)};
	}
	const auto *in = reinterpret_cast<const sockaddr_in6 *>(&storage);
	return Endpoint{socket_address(AF_INET6, &in->sin6_addr), ntohs(in->sin6_port)};
}

std::string describe(int problem)
{
	return strerrordesc_np(problem) != nullptr ? strerrordesc_np(problem) : "unknown error";
}

} // namespace

AgentLink::AgentLink(EventLoop &loop, const Endpoint &server, std::unique_ptr<AgentCodec> codec,
		     Events events, AgentLinkLimits limits)
	: loop_(loop), server_(server), codec_(std::move(codec)), events_(std::move(events)),
	  limits_(limits), retry_(limits.first_retry)
{
}

AgentLink::~AgentLink()
{
	if (socket_) {
		loop_.forget(socket_.get());
	}
}

void AgentLink::connect()
{
	socklen_t length = 0;
	const auto address = to_sockaddr(server_, length);
	socket_ =
		UniqueFd(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	const int on = 1;
	if (!socket_ || setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
	    (::connect(socket_.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0 &&
	     errno != EINPROGRESS)) {
		const int problem = errno;
		socket_.reset();
		lose(describe(problem));
		return;
	}
	state_ = State::connecting;
	since_ = Clock::now();
	// A connection that stands already is found writable at once.
	if (auto watched = loop_.watch_both(socket_.get(), true,
					    [this](EventLoop::Ready ready) -> Result<void> {
						    on_ready(ready);
						    return {};
					    });
	    !watched) {
		socket_.reset();
		lose(to_string(watched.error()));
	}
}

void AgentLink::on_ready(EventLoop::Ready ready)
{
	if (state_ == State::connecting && ready.writable) {
		on_connected();
	} else if (state_ == State::opening || state_ == State::open) {
		if (ready.writable && blocked_) {
			push();
		}
		if (ready.readable) {
			receive();
		}
	}
}

void AgentLink::on_connected()
{
	int problem = 0;
	socklen_t length = sizeof problem;
	if (getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &length) != 0) {
		problem = errno;
	}
	if (problem != 0) {
		lose(describe(problem));
		return;
	}
	local_ = local_end(socket_.get());
	blocked_ = true;
	state_ = State::opening;
	const auto now = Clock::now();
	for (auto answers = codec_->open(out_); answers != 0; --answers) {
		pending_.push_back({.kind = Kind::opening, .asked_at = now});
	}
	beat_at_ = now;
	if (pending_.empty()) {
		opened();
	}
	push();
}

void AgentLink::opened()
{
	state_ = State::open;
	events_.connected();
	beat(Clock::now());
}

void AgentLink::beat(Clock::time_point now)
{
	if (!codec_->needs_change_feed() || heartbeat_pending_) {
		return;
	}
	codec_->encode_heartbeat(out_);
	pending_.push_back({.kind = Kind::heartbeat, .asked_at = now});
	heartbeat_pending_ = true;
	push();
}

bool AgentLink::ask(const AgentQuestion &question, OnReply on_reply)
{
	if (state_ != State::open || pending_.size() >= limits_.in_flight) {
		return false;
	}
	const auto now = Clock::now();
	if (!codec_->encode(question, out_)) {
		return false;
	}
	pending_.push_back({Kind::question, std::string(question.key), question.purpose, now,
			    std::move(on_reply)});
	return true;
}

// An error shows again when we read.
void AgentLink::push()
{
	if (state_ != State::opening && state_ != State::open) {
		return;
	}
	if (!out_.empty()) {
		const auto sent = send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
		if (sent > 0) {
			out_.erase(0, static_cast<std::size_t>(sent));
		}
	}
	const bool blocked = !out_.empty();
	if (blocked != blocked_ && loop_.wants_write(socket_.get(), blocked)) {
		blocked_ = blocked;
	}
}

void AgentLink::receive()
{
	std::array<char, receive_size> buffer; // NOLINT(*-member-init): read into
	for (;;) {
		const auto received = recv(socket_.get(), buffer.data(), buffer.size(), 0);
		if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
			break;
		}
		if (received <= 0) {
			lose(received == 0 ? "closed by the server" : describe(errno));
			return;
		}
		const auto size = static_cast<std::size_t>(received);
		const auto skipped = std::min(skip_, size);
		skip_ -= skipped;
		in_.append(buffer.data() + skipped, size - skipped);
		decode();
		if (!socket_) {
			return;
		}
	}
	events_.batch_done();
	push();
}

void AgentLink::decode()
{
	std::size_t pos = 0;
	std::size_t consumed = 0;
	while (skip_ == 0 && pos < in_.size() &&
	       decode_one(std::string_view(in_).substr(pos), consumed)) {
		const auto there = std::min(consumed, in_.size() - pos);
		pos += there;
		skip_ = consumed - there;
	}
	in_.erase(0, pos); // lost: it is empty
}

bool AgentLink::decode_one(std::string_view input, std::size_t &consumed)
{
	const auto message = codec_->decode_feed(input);
	switch (message.status) {
	case FeedMessage::Status::none:
		break;
	case FeedMessage::Status::incomplete:
		return false;
	case FeedMessage::Status::changes:
		consumed = message.consumed;
		if (events_.changes) {
			events_.changes(message);
		}
		return true;
	case FeedMessage::Status::broken:
		lose("a change message that makes no sense");
		return false;
	}
	if (pending_.empty()) {
		lose("bytes that nobody asked for");
		return false;
	}
	const auto reply = decode_answer(input);
	if (reply.status == AgentReply::Status::incomplete) {
		return false;
	}
	if (reply.status == AgentReply::Status::broken) {
		lose("an answer that makes no sense");
		return false;
	}
	consumed = reply.consumed;
	if (reply.status == AgentReply::Status::part) {
		return true;
	}
	on_answer(reply);
	return static_cast<bool>(socket_);
}

AgentReply AgentLink::decode_answer(std::string_view input)
{
	const auto &first = pending_.front();
	switch (first.kind) {
	case Kind::opening:
		return codec_->decode_opening(input);
	case Kind::repair:
		return codec_->decode_repair(input);
	case Kind::heartbeat:
		return codec_->decode_heartbeat(input);
	case Kind::question:
		break;
	}
	return codec_->decode({first.key, first.purpose}, input);
}

void AgentLink::on_answer(const AgentReply &reply)
{
	const auto question = std::move(pending_.front());
	pending_.pop_front();
	const bool refused = reply.status == AgentReply::Status::refused;
	if (question.kind == Kind::opening) {
		if (refused) {
			if (events_.refused) {
				events_.refused();
			}
			lose("the server does not let us in");
		} else if (pending_.empty()) {
			opened();
		}
		return;
	}
	retry_ = limits_.first_retry;
	if (question.kind == Kind::heartbeat) {
		on_heartbeat(refused, question.asked_at);
		return;
	}
	if (!reply.repair.empty()) {
		out_ += reply.repair;
		pending_.push_back({.kind = Kind::repair, .asked_at = Clock::now()});
	}
	if (question.on_reply) {
		question.on_reply(&reply, question.asked_at);
	}
}

// A refusal proves nothing about the feed: it stays where it was.
void AgentLink::on_heartbeat(bool refused, Clock::time_point asked_at)
{
	heartbeat_pending_ = false;
	if (refused) {
		return;
	}
	caught_up_to_ = std::exchange(beat_at_, asked_at);
	if (events_.caught_up) {
		events_.caught_up();
	}
}

void AgentLink::lose(const std::string &reason)
{
	if (socket_) {
		loop_.forget(socket_.get());
		socket_.reset();
	}
	state_ = State::disconnected;
	local_.reset();
	out_.clear();
	in_.clear();
	skip_ = 0;
	blocked_ = false;
	caught_up_to_.reset();
	heartbeat_pending_ = false;
	retry_at_ = Clock::now() + retry_;
	retry_ = std::min(retry_ * 2, limits_.longest_retry);
	const auto pending = std::exchange(pending_, {});
	for (const auto &question : pending) {
		if (question.on_reply) {
			question.on_reply(nullptr, question.asked_at);
		}
	}
	events_.lost(reason);
}

void AgentLink::tick()
{
	const auto now = Clock::now();
	switch (state_) {
	case State::disconnected:
		if (now >= retry_at_) {
			connect();
		}
		break;
	case State::connecting:
		if (now - since_ > limits_.patience) {
			lose("no connection in time");
		}
		break;
	case State::opening:
	case State::open:
		if (!pending_.empty() && now - pending_.front().asked_at > limits_.patience) {
			lose("no answer in time");
		} else if (state_ == State::open && now - beat_at_ >= limits_.heartbeat) {
			beat(now);
		}
		break;
	}
}

} // namespace prestack
