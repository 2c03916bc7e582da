// SPDX-License-Identifier: GPL-2.0-only
#include "tcp_writer.hpp"

#include <array>
#include <string_view>

#include <sys/time.h>

namespace prestack::load
{
namespace
{

void send_all(int fd, std::string_view text)
{
	while (!text.empty()) {
		const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
		if (sent < 0) {
			throw_errno("preload: send");
		}
		text.remove_prefix(static_cast<std::size_t>(sent));
	}
}

void expect_stored(int fd, std::string_view stored, unsigned times)
{
	std::string answer(stored.size() * times, '\0');
	std::size_t have = 0;
	while (have < answer.size()) {
		const auto got = recv(fd, answer.data() + have, answer.size() - have, 0);
		if (got <= 0) {
			errno = got == 0 ? ECONNRESET : errno;
			throw_errno("preload: receive");
		}
		have += static_cast<std::size_t>(got);
	}
	for (std::string_view rest = answer; !rest.empty(); rest.remove_prefix(stored.size())) {
		if (!rest.starts_with(stored)) {
			throw std::runtime_error("preload: the server does not store a value: " +
						 std::string(rest.substr(0, 60)));
		}
	}
}

} // namespace

void preload(const Options &options, const Workload &workload)
{
	constexpr unsigned batch = 200;
	const Socket socket(options.server, options.port, SOCK_STREAM);
	const timeval patience{10, 0};
	setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	std::string out;
	unsigned queued = 0;
	for (std::uint32_t key = 0; key < workload.keys(); ++key) {
		workload.append_set(out, key, 0);
		if (++queued == batch || key + 1 == workload.keys()) {
			send_all(socket.fd(), out);
			expect_stored(socket.fd(), workload.wording().stored(), queued);
			out.clear();
			queued = 0;
		}
	}
}

TcpWriter::TcpWriter(const Options &options, Workload &workload)
	: workload_(workload), socket_(options.server, options.port, SOCK_STREAM | SOCK_NONBLOCK)
{
}

void TcpWriter::begin(std::uint32_t key)
{
	const auto version = workload_.begin_set(key);
	pending_.push_back({key, version});
	workload_.append_set(out_, key, version);
}

void TcpWriter::pump(Tally &tally)
{
	if (!out_.empty()) {
		const auto sent = ::send(socket_.fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
		if (sent > 0) {
			out_.erase(0, static_cast<std::size_t>(sent));
		} else if (errno != EAGAIN && errno != ENOTCONN) {
			throw_errno("send a set");
		}
	}
	if (pending_.empty()) {
		return;
	}
	std::array<char, 4096> buffer{};
	const auto got = recv(socket_.fd(), buffer.data(), buffer.size(), 0);
	if (got == 0) {
		throw std::runtime_error("the server closed the TCP connection");
	}
	if (got < 0) {
		if (errno != EAGAIN && errno != ENOTCONN) {
			throw_errno("receive the answer to a set");
		}
		return;
	}
	in_.append(buffer.data(), static_cast<std::size_t>(got));
	const auto stored = workload_.wording().stored();
	while (in_.size() >= stored.size() && !pending_.empty()) {
		if (!in_.starts_with(stored)) {
			throw std::runtime_error("the server refused a set: " + in_.substr(0, 60));
		}
		in_.erase(0, stored.size());
		workload_.end_set(pending_.front().key, pending_.front().version);
		pending_.pop_front();
		++tally.sets;
	}
}

} // namespace prestack::load
