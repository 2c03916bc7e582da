// SPDX-License-Identifier: GPL-2.0-only
// A connected socket, closed with its owner.
#pragma once

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <netdb.h>
#include <sys/socket.h>

#include "loader/base/fd.hpp"
#include "tests/support/system_error.hpp"

namespace prestack::load
{

using test::throw_errno;

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
		fd_ = UniqueFd(socket(found->ai_family, type | SOCK_CLOEXEC, 0));
		const bool connected =
			fd_ && (connect(fd_.get(), found->ai_addr, found->ai_addrlen) == 0 ||
				errno == EINPROGRESS);
		const int problem = errno;
		freeaddrinfo(found);
		if (!connected) {
			errno = problem;
			throw_errno("connect to " + address + ", port " + std::to_string(port));
		}
	}

	[[nodiscard]] int fd() const { return fd_.get(); }

private:
	UniqueFd fd_;
};

} // namespace prestack::load
