// SPDX-License-Identifier: GPL-2.0-only
#include "stream_flow.hpp"

#include <stdexcept>

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace prestack::load
{
namespace
{

constexpr std::size_t chunk = 16384;

bool chance(Random &random, double share)
{
	return static_cast<double>(random.next() >> 11) * 0x1p-53 < share;
}

[[noreturn]] void throw_wrong(const char *what, std::string_view text)
{
	throw std::runtime_error(std::string(what) + " got a wrong answer over TCP: " +
				 std::string(text.substr(0, 80)));
}

} // namespace

StreamFlow::StreamFlow(const Options &options, Workload &workload, unsigned number)
	: options_(options), workload_(workload), number_(number),
	  socket_(options.server, options.port, SOCK_STREAM)
{
	const int on = 1;
	setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

StreamFlow::Pending StreamFlow::make(Random &random) const
{
	Pending p{};
	p.key = workload_.popularity().choose(random);
	if (options_.read_share < 1 && !chance(random, options_.read_share)) {
		const auto connections = options_.threads * options_.sockets;
		p.kind = Kind::set;
		p.key -= p.key % connections;
		p.key += number_;
		if (p.key >= workload_.keys()) {
			p.key = number_;
		}
		return p;
	}
	p.kind = options_.absent_share > 0 && chance(random, options_.absent_share)
			 ? Kind::get_absent
			 : Kind::get;
	return p;
}

void StreamFlow::fill(Random &random, Tally &tally)
{
	const auto now = Clock::now();
	while (count_ < options_.window) {
		auto p = make(random);
		p.sent = now;
		if (p.kind == Kind::set) {
			p.version = workload_.begin_set(p.key);
			workload_.append_set(out_, p.key, p.version);
		} else {
			p.version = workload_.stored(p.key);
			workload_.append_get(out_, p.key, p.kind == Kind::get_absent);
			++tally.requests;
		}
		window_[(first_ + count_) % max_window] = p;
		++count_;
	}
	flush();
}

void StreamFlow::flush()
{
	if (out_.empty()) {
		return;
	}
	const auto sent =
		::send(socket_.fd(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0) {
		out_.erase(0, static_cast<std::size_t>(sent));
	} else if (errno != EAGAIN && errno != EINTR) {
		throw_errno("send over TCP");
	}
}

void StreamFlow::receive(Tally &tally)
{
	std::array<char, chunk> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): 16 kB
	const auto got = recv(socket_.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
	if (got == 0) {
		throw std::runtime_error("the server closed a TCP connection");
	}
	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			throw_errno("receive over TCP");
		}
		return;
	}
	const auto now = Clock::now();
	// By far most answers come whole: checked where they are.
	std::string_view text(buffer.data(), static_cast<std::size_t>(got));
	if (!in_.empty()) {
		in_.append(text);
		text = in_;
	}
	while (!text.empty()) {
		if (count_ == 0) {
			throw_wrong("no request", text);
		}
		const auto size = check_reply(text, window_[first_], now, tally);
		if (size == 0) {
			break;
		}
		text.remove_prefix(size);
		first_ = (first_ + 1) % max_window;
		--count_;
	}
	in_ = std::string(text);
}

std::size_t StreamFlow::check_reply(std::string_view text, const Pending &p, Clock::time_point now,
				    Tally &tally)
{
	const auto timed = [&] {
		tally.latency.add(
			static_cast<std::uint64_t>(std::chrono::nanoseconds(now - p.sent).count()));
	};
	const auto stored = workload_.wording().stored();
	const auto none = workload_.wording().none();
	if (p.kind == Kind::set) {
		if (text.size() < stored.size()) {
			return 0;
		}
		if (!text.starts_with(stored)) {
			throw_wrong("a set", text);
		}
		workload_.end_set(p.key, p.version);
		++tally.sets;
		timed();
		return stored.size();
	}
	if (text.starts_with(none)) {
		if (p.kind == Kind::get_absent) {
			++tally.right;
			timed();
		} else {
			++tally.absent;
		}
		return none.size();
	}
	const auto size = p.kind == Kind::get_absent ? none.size() : workload_.answer_size(p.key);
	if (text.size() < size) {
		return 0;
	}
	switch (p.kind == Kind::get_absent
			? Answer::wrong
			: workload_.check_reply(text.substr(0, size), p.key, p.version)) {
	case Answer::right:
		++tally.right;
		timed();
		break;
	case Answer::stale:
		++tally.stale;
		break;
	default:
		throw_wrong("a get", text);
	}
	return size;
}

} // namespace prestack::load
