// SPDX-License-Identifier: GPL-2.0-only
#include "fake_server.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>

#include "process.hpp"
#include "system_error.hpp"

namespace prestack::test
{

namespace
{

constexpr std::size_t frame_header_size = 8;

bool readable(int fd, Milliseconds patience)
{
	pollfd ready{fd, POLLIN, 0};
	return ::poll(&ready, 1, static_cast<int>(patience.count())) > 0;
}

UniqueFd bound(const Endpoint &address, int type)
{
	UniqueFd fd(check(::socket(address.family(), type | SOCK_CLOEXEC, 0), "socket"));
	const int on = 1;
	check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "SO_REUSEADDR");
	check(::bind(fd.get(), address.address(), address.size()), "bind");
	return fd;
}

} // namespace

FakeServer::FakeServer(const Netns &ns, const Endpoint &address)
	: address_(address), udp_(ns.in([&] { return bound(address, SOCK_DGRAM); })),
	  listener_(ns.in([&] { return bound(address, SOCK_STREAM); })),
	  stop_(check(::eventfd(0, EFD_CLOEXEC), "eventfd"))
{
	check(::listen(listener_.get(), 16), "listen");
	thread_ = std::thread([this] { serve_locals(); });
}

FakeServer::~FakeServer()
{
	::eventfd_write(stop_.get(), 1);
	thread_.join();
}

void FakeServer::hold(std::string value)
{
	const std::lock_guard guard(mutex_);
	value_ = std::move(value);
}

void FakeServer::serve_locals()
{
	std::vector<Local> locals;
	for (;;) {
		std::vector<pollfd> ready{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
		for (const Local &each : locals)
			ready.push_back({each.fd.get(), POLLIN, 0});
		if (::poll(ready.data(), ready.size(), -1) < 0)
			continue;
		if (ready[0].revents != 0)
			return;
		std::vector<Local> remaining;
		for (std::size_t at = 0; at < locals.size(); ++at) {
			if (ready[at + 2].revents == 0 || answer_local(locals[at]))
				remaining.push_back(std::move(locals[at]));
		}
		locals = std::move(remaining);
		if (ready[1].revents != 0)
			accept_one(locals);
	}
}

void FakeServer::accept_one(std::vector<Local> &locals)
{
	sockaddr_in from{};
	socklen_t size = sizeof(from);
	UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr *>(&from), &size,
			      SOCK_CLOEXEC));
	if (!fd)
		return;
	const auto *own = reinterpret_cast<const sockaddr_in *>(address_.address());
	if (from.sin_addr.s_addr == own->sin_addr.s_addr) {
		locals.push_back({std::move(fd), {}});
		return;
	}
	const std::lock_guard guard(mutex_);
	accepted_.push_back(std::move(fd));
	arrived_.notify_all();
}

// False: the connection is over.
bool FakeServer::answer_local(Local &local)
{
	std::array<char, 4'096> chunk;
	const auto size = ::recv(local.fd.get(), chunk.data(), chunk.size(), 0);
	if (size <= 0)
		return false;
	local.received.append(chunk.data(), static_cast<std::size_t>(size));
	for (auto end = local.received.find("\r\n"); end != std::string::npos;
	     end = local.received.find("\r\n")) {
		const std::vector<std::string> line = words(local.received.substr(0, end));
		local.received.erase(0, end + 2);
		std::string answer = "ERROR\r\n";
		if (line.size() >= 2 && line.front() == "mg") {
			const std::lock_guard guard(mutex_);
			const bool value = line.back() == "v";
			answer = value ? "VA " + std::to_string(value_.size()) : "HD";
			answer += " k" + line[1] + " t-1 f0 c1\r\n";
			answer += value ? value_ + "\r\n" : "";
		}
		if (::send(local.fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
			return false;
	}
	return true;
}

std::optional<FakeServer::Request> FakeServer::receive(Milliseconds patience)
{
	if (!readable(udp_.get(), patience))
		return std::nullopt;
	std::array<unsigned char, 65'536> buffer;
	sockaddr_storage from{};
	socklen_t from_size = sizeof(from);
	const auto size = check(::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0,
					   reinterpret_cast<sockaddr *>(&from), &from_size),
				"recvfrom");
	if (static_cast<std::size_t>(size) < frame_header_size)
		throw std::runtime_error("a request without a frame header");
	const auto number = [&](std::size_t at) {
		return static_cast<std::uint16_t>(buffer[at] << 8 | buffer[at + 1]);
	};
	return Request{
		Endpoint(from),
		{number(0), number(2), number(4), number(6)},
		std::string(reinterpret_cast<const char *>(buffer.data()) + frame_header_size,
			    static_cast<std::size_t>(size) - frame_header_size)};
}

void FakeServer::answer(const Request &request, std::string_view payload)
{
	const std::string bytes =
		UdpHeader{.request_id = request.header.request_id}.encode().append(payload);
	check(::sendto(udp_.get(), bytes.data(), bytes.size(), 0, request.client.address(),
		       request.client.size()),
	      "sendto");
}

FakeServer::Connection FakeServer::accept()
{
	std::unique_lock lock(mutex_);
	if (!arrived_.wait_for(lock, default_patience, [&] { return !accepted_.empty(); }))
		throw std::runtime_error("no connection from a client");
	UniqueFd fd = std::move(accepted_.front());
	accepted_.pop_front();
	return Connection(std::move(fd));
}

std::string FakeServer::Connection::receive_up_to(std::string_view ending)
{
	std::string received;
	std::array<char, 65'536> chunk;
	while (!received.ends_with(ending)) {
		if (!readable(fd_.get(), default_patience))
			throw std::runtime_error("not received: " + std::string(ending));
		const auto size = check(::recv(fd_.get(), chunk.data(), chunk.size(), 0), "recv");
		if (size == 0)
			throw std::runtime_error("closed by the client");
		received.append(chunk.data(), static_cast<std::size_t>(size));
	}
	return received;
}

void FakeServer::Connection::send(std::string_view bytes)
{
	check(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), "send");
}

} // namespace prestack::test
