// SPDX-License-Identifier: GPL-2.0-only
#include "conversation.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "loader/base/fd.hpp"
#include "support/system_error.hpp"
#include "support/tcp_options.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr int nap_ms = 1; // between two looks at what is not acknowledged
constexpr std::size_t context = 60; // bytes told around the first wrong one

class Conversation
{
public:
	Conversation(const Endpoint &server, const RecordedScript &recorded,
		     const SocketOptions &options, Milliseconds patience)
		: server_(server), recorded_(recorded), options_(options), patience_(patience)
	{
	}

	Result run()
	{
		try {
			open();
			greet();
			for (const Step &step : recorded_.script.steps)
				follow(step);
			end();
		} catch (const Over &) {
		} catch (const std::system_error &error) {
			result_ = {Outcome::broken, error.what()};
		}
		return result_;
	}

private:
	struct Over {
	};

	[[noreturn]] void over(Outcome outcome, const std::string &detail)
	{
		result_ = {outcome, detail + ", after " + std::to_string(got_) + " of " +
					    std::to_string(recorded_.replies.size()) + " bytes"};
		throw Over{};
	}

	void open()
	{
		fd_ = UniqueFd(
			check(::socket(server_.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
		const auto set = [&](int level, int name, int value) {
			check(::setsockopt(fd_.get(), level, name, &value, sizeof(value)),
			      "setsockopt");
		};
		if (options_.first_sequence)
			choose_first_sequence(fd_.get(), *options_.first_sequence);
		if (options_.largest_segment != 0)
			set(IPPROTO_TCP, TCP_MAXSEG, options_.largest_segment);
		if (options_.receive_buffer != 0)
			set(SOL_SOCKET, SO_RCVBUF, options_.receive_buffer);
		if (options_.keep_alive) {
			set(SOL_SOCKET, SO_KEEPALIVE, 1);
			set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
			set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
		}
		// Bounds connect() too.
		const timeval patience{patience_.count() / 1'000, 0};
		::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		check(::connect(fd_.get(), server_.address(), server_.size()), "connect");
		set(IPPROTO_TCP, TCP_NODELAY, 1);
		progress();
	}

	void progress() { deadline_ = Clock::now() + patience_; }

	// Waits until something arrives or, if `writing`, can be sent; reads what is there. True: there is
	// room. False after `most` ms at the latest.
	bool turn(bool writing, int most)
	{
		pollfd poll{fd_.get(), static_cast<short>(POLLIN | (writing ? POLLOUT : 0)), 0};
		if (ended_)
			poll.events = writing ? POLLOUT : 0;
		const int wait = std::min(remaining_ms(deadline_), most);
		if (::poll(&poll, 1, wait) <= 0) {
			if (Clock::now() >= deadline_)
				over(Outcome::stuck, "nothing happens any more");
			return false;
		}
		if (!ended_ && (poll.revents & (POLLIN | POLLERR | POLLHUP)) != 0)
			take();
		return (poll.revents & POLLOUT) != 0;
	}

	void take()
	{
		const ssize_t size = ::recv(fd_.get(), chunk_.data(), chunk_.size(), MSG_DONTWAIT);
		if (size < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			over(Outcome::broken, std::string("recv: ") + std::strerror(errno));
		}
		if (size == 0) {
			ended_ = true;
			return;
		}
		compare(std::string_view(chunk_.data(), static_cast<std::size_t>(size)));
		progress();
	}

	// Sends the opening, and takes the reply to it.
	void greet()
	{
		if (recorded_.script.opening.empty())
			return;
		greeting_.emplace();
		follow({.bytes = recorded_.script.opening});
		while (greeting_) {
			if (ended_)
				over(Outcome::broken, "closed by the server");
			turn(false, patience_int());
		}
	}

	void compare(std::string_view bytes)
	{
		if (greeting_) {
			greeting_->append(bytes);
			const std::size_t length = recorded_.reply_length(*greeting_);
			if (length == 0)
				return;
			if (length < greeting_->size())
				over(Outcome::wrong, "more than one reply to the opening");
			greeting_.reset();
			return;
		}
		const std::string_view right =
			std::string_view(recorded_.replies).substr(got_, bytes.size());
		if (bytes == right) {
			got_ += bytes.size();
			return;
		}
		const auto same = static_cast<std::size_t>(std::ranges::mismatch(bytes, right).in1 -
							   bytes.begin());
		const std::size_t from = same > context ? same - context : 0;
		over(Outcome::wrong,
		     "\n  got:   " + printable(bytes.substr(from, 2 * context)) + "\n  right: " +
			     (right.size() > from ? printable(right.substr(from, 2 * context))
						  : "nothing more") +
			     "\n  at byte " + std::to_string(got_ + same));
	}

	void follow(const Step &step)
	{
		std::string_view left = step.bytes;
		while (!left.empty()) {
			if (ended_)
				over(Outcome::broken, "closed by the server");
			if (!turn(true, patience_int()))
				continue;
			const ssize_t sent = ::send(fd_.get(), left.data(), left.size(),
						    MSG_NOSIGNAL | MSG_DONTWAIT);
			if (sent < 0 && errno != EAGAIN && errno != EINTR)
				over(Outcome::broken, std::string("send: ") + std::strerror(errno));
			if (sent > 0) {
				left.remove_prefix(static_cast<std::size_t>(sent));
				progress();
			}
		}
		switch (step.then) {
		case Then::wait_for_acknowledgement:
			while (!ended_ && unacknowledged() > 0)
				turn(false, nap_ms);
			break;
		case Then::wait_for_replies:
			receive(recorded_.due[step.replies]);
			break;
		case Then::pause:
			std::this_thread::sleep_for(step.pause);
			break;
		case Then::wait_for_phase:
			wait_for(step.phase);
			break;
		case Then::go_on:
			break;
		}
	}

	void wait_for(unsigned phase)
	{
		if (options_.phases == nullptr)
			return;
		++options_.phases->reached.at(phase);
		while (options_.phases->now < phase) {
			turn(false, nap_ms);
			progress();
			if (ended_) // poll() returns at once
				std::this_thread::sleep_for(Milliseconds{nap_ms});
		}
	}

	int unacknowledged() const
	{
		int bytes = 0;
		check(::ioctl(fd_.get(), SIOCOUTQ, &bytes), "SIOCOUTQ");
		return bytes;
	}

	void receive(std::size_t until)
	{
		while (got_ < until) {
			if (ended_)
				over(Outcome::broken, "closed by the server");
			turn(false, patience_int());
		}
	}

	void end()
	{
		const Ending ending = recorded_.script.ending;
		if (ending == Ending::half_close)
			::shutdown(fd_.get(), SHUT_WR);
		receive(recorded_.replies.size());
		if (ending == Ending::late_half_close)
			::shutdown(fd_.get(), SHUT_WR);
		if (ending != Ending::close && ending != Ending::reset) {
			while (!ended_)
				turn(false, patience_int());
		}
		if (ending == Ending::reset)
			close_with_reset_later(fd_.get());
		result_ = {Outcome::complete, ""};
	}

	int patience_int() const { return static_cast<int>(patience_.count()); }

	const Endpoint &server_;
	const RecordedScript &recorded_;
	const SocketOptions &options_;
	const Milliseconds patience_;
	Clock::time_point deadline_ = Clock::now() + patience_;
	UniqueFd fd_;
	bool ended_ = false; // the server has sent its FIN
	std::optional<std::string> greeting_; // what there is of the reply to the opening
	std::size_t got_ = 0;
	Result result_;
	std::vector<char> chunk_ = std::vector<char>(65'536);
};

} // namespace

Result run_script(const Endpoint &server, const RecordedScript &recorded,
		  const SocketOptions &options, Milliseconds patience)
{
	return Conversation(server, recorded, options, patience).run();
}

RecordedScript make_recorded_script(Script script, std::string replies, ReplyLength length_of)
{
	RecordedScript recorded{std::move(script), std::move(replies), {0}, length_of};
	for (std::size_t at = 0; at < recorded.replies.size(); recorded.due.push_back(at)) {
		const std::size_t length = length_of(std::string_view(recorded.replies).substr(at));
		if (length == 0)
			throw std::runtime_error(recorded.script.name + ": half a reply: " +
						 printable(recorded.replies.substr(at)));
		at += length;
	}
	const Step *last = nullptr;
	for (const Step &step : recorded.script.steps)
		last = step.then == Then::wait_for_replies ? &step : last;
	if (last != nullptr && last->replies >= recorded.due.size())
		throw std::runtime_error(recorded.script.name + ": fewer replies than foreseen");
	return recorded;
}

} // namespace prestack::test
