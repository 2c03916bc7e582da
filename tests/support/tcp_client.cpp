// SPDX-License-Identifier: GPL-2.0-only
#include "tcp_client.hpp"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <array>
#include <utility>

#include "poll.hpp"
#include "system_error.hpp"
#include "tcp_options.hpp"

namespace prestack::test
{

TcpClient::TcpClient(const Netns &ns, const Endpoint &server, const TcpOptions &options)
	: fd_(ns.in([&] {
		  UniqueFd fd(check(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0),
				    "socket"));
		  if (options.first_sequence)
			  choose_first_sequence(fd.get(), *options.first_sequence);
		  if (options.source_port != 0) {
			  const int on = 1;
			  check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
				"SO_REUSEADDR");
			  const Endpoint local(server.family() == AF_INET ? "0.0.0.0" : "::",
					       options.source_port);
			  check(::bind(fd.get(), local.address(), local.size()), "bind");
		  }
		  if (options.acknowledge_with_data) {
			  const int seconds = 1; // what a client's socket delays by this is its ACK
			  check(::setsockopt(fd.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
					     sizeof(seconds)),
				"TCP_DEFER_ACCEPT");
		  }
		  // Bounds connect() too.
		  const timeval patience{10, 0};
		  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		  check(::connect(fd.get(), server.address(), server.size()), "connect over TCP");
		  const int on = 1;
		  check(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
			"TCP_NODELAY");
		  return fd;
	  }))
{
}

void TcpClient::send(std::string_view bytes)
{
	while (!bytes.empty()) {
		const auto count =
			check(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), "send");
		bytes.remove_prefix(static_cast<std::size_t>(count));
	}
}

void TcpClient::wait_acknowledged()
{
	wait_until("the peer acknowledges", [&] {
		int unacknowledged = 0;
		check(::ioctl(fd_.get(), SIOCOUTQ, &unacknowledged), "SIOCOUTQ");
		return unacknowledged == 0;
	});
}

void TcpClient::send_segments(const std::vector<std::string> &pieces)
{
	for (const std::string &piece : pieces) {
		send(piece);
		wait_acknowledged();
	}
}

std::string TcpClient::receive(unsigned replies, ReplyLength length_of)
{
	std::array<char, 65'536> chunk;
	const auto deadline = Clock::now() + default_patience;
	for (;;) {
		std::size_t length = 0;
		unsigned complete = 0;
		while (complete < replies) {
			const std::size_t one = length_of(std::string_view(buffer_).substr(length));
			if (one == 0)
				break;
			length += one;
			++complete;
		}
		if (complete == replies) {
			std::string result = buffer_.substr(0, length);
			buffer_.erase(0, length);
			return result;
		}
		if (!wait_readable(fd_.get(), deadline))
			throw std::runtime_error("no reply over TCP; got " + printable(buffer_));
		const auto size =
			check(::recv(fd_.get(), chunk.data(), chunk.size(), 0), "recv over TCP");
		if (size == 0)
			throw std::runtime_error("closed by the server; got " + printable(buffer_));
		buffer_.append(chunk.data(), static_cast<std::size_t>(size));
	}
}

std::string TcpClient::ask(std::string_view command, unsigned replies, ReplyLength length)
{
	send(command);
	return receive(replies, length);
}

std::uint16_t TcpClient::local_port() const
{
	sockaddr_in6 local{};
	socklen_t size = sizeof(local);
	check(::getsockname(fd_.get(), reinterpret_cast<sockaddr *>(&local), &size), "getsockname");
	return ntohs(local.sin6_port); // the same offset as sin_port
}

std::string TcpClient::receive_to_end()
{
	::shutdown(fd_.get(), SHUT_WR); // the server may have closed already
	return receive_to_servers_end();
}

std::string TcpClient::receive_to_servers_end()
{
	std::array<char, 65'536> chunk;
	const auto deadline = Clock::now() + default_patience;
	for (;;) {
		if (!wait_readable(fd_.get(), deadline))
			throw std::runtime_error("not closed by the server; got " +
						 printable(buffer_));
		// A server that closes with input unread resets the connection.
		const auto size = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
		if (size <= 0)
			return std::exchange(buffer_, {});
		buffer_.append(chunk.data(), static_cast<std::size_t>(size));
	}
}

} // namespace prestack::test
