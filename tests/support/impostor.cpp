// SPDX-License-Identifier: GPL-2.0-only
#include "impostor.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "endpoint.hpp"
#include "loader/base/fd.hpp"
#include "system_error.hpp"

namespace prestack::test
{

void run_as(const Netns &ns, uid_t uid, const std::function<void()> &action)
{
	int ends[2];
	check(::pipe2(ends, O_CLOEXEC), "pipe");
	UniqueFd reading(ends[0]);
	UniqueFd writing(ends[1]);
	const pid_t child = check(::fork(), "fork");
	if (child == 0) {
		::alarm(30); // never outlives a test
		std::string message;
		try {
			check(::setns(ns.fd(), CLONE_NEWNET), "setns");
			if (uid != 0) {
				check(::setgroups(0, nullptr), "setgroups");
				check(::setresgid(uid, uid, uid), "setresgid");
				check(::setresuid(uid, uid, uid), "setresuid");
			}
			action();
		} catch (const std::exception &error) {
			message = error.what();
			if (::write(writing.get(), message.data(), message.size()) < 0)
				::_exit(2);
		}
		::_exit(message.empty() ? 0 : 1);
	}
	writing.reset();
	std::string message;
	char buffer[256];
	for (ssize_t count = 0; (count = ::read(reading.get(), buffer, sizeof(buffer))) > 0;) {
		message.append(buffer, static_cast<std::size_t>(count));
	}
	int status = 0;
	check(::waitpid(child, &status, 0), "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		throw std::runtime_error("as user " + std::to_string(uid) + ": " + message);
	}
}

void send_from_port(const std::string &source, std::uint16_t port, const std::string &destination,
		    std::uint16_t destination_port, const std::string &bytes)
{
	const Endpoint local(source, port);
	const Endpoint remote(destination, destination_port);
	const UniqueFd fd(check(::socket(local.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
	const int on = 1;
	check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "SO_REUSEADDR");
	check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), "SO_REUSEPORT");
	check(::bind(fd.get(), local.address(), local.size()), "bind " + source);
	check(::sendto(fd.get(), bytes.data(), bytes.size(), 0, remote.address(), remote.size()),
	      "sendto");
}

void send_raw_ipv4(const std::string &packet, const std::string &destination, uid_t owner)
{
	const Endpoint remote(destination, 0);
	const UniqueFd fd(
		check(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "raw socket"));
	check(::fchown(fd.get(), owner, static_cast<gid_t>(-1)), "fchown a socket");
	check(::sendto(fd.get(), packet.data(), packet.size(), 0, remote.address(), remote.size()),
	      "sendto, raw");
}

} // namespace prestack::test
