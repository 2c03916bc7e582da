// SPDX-License-Identifier: GPL-2.0-only
// A connected socket, closed with its owner.
#pragma once

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace prestack::load
{

[[noreturn]] inline void throw_errno(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

class Socket
{
public:
	// type: SOCK_DGRAM or SOCK_STREAM, perhaps with SOCK_NONBLOCK. Throws std::system_error, or
	// std::runtime_error if the address is not numeric.
	Socket(const std::string &address, std::uint16_t port, int type)
	{
		addrinfo hints{};
		hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
		hints.ai_socktype = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
		addrinfo *found = nullptr;
		if (const int problem = getaddrinfo(address.c_str(), std::to_string(port).c_str(),
						    &hints, &found);
		    problem != 0) {
			throw std::runtime_error(address + ": " + gai_strerror(problem));
		}
		fd_ = socket(found->ai_family, type | SOCK_CLOEXEC, 0);
		const bool connected =
			fd_ >= 0 && (connect(fd_, found->ai_addr, found->ai_addrlen) == 0 ||
				     errno == EINPROGRESS);
		const int problem = errno;
		freeaddrinfo(found);
		if (!connected) {
			close_it();
			errno = problem;
			throw_errno("connect to " + address + ", port " + std::to_string(port));
		}
	}
	Socket(Socket &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	Socket(const Socket &) = delete;
	Socket &operator=(const Socket &) = delete;
	Socket &operator=(Socket &&) = delete;
	~Socket() { close_it(); }

	[[nodiscard]] int fd() const { return fd_; }

private:
	void close_it()
	{
		if (fd_ >= 0) {
			close(fd_);
		}
	}
	int fd_ = -1;
};

} // namespace prestack::load
