// SPDX-License-Identifier: GPL-2.0-only
#include "fake_server.hpp"

#include <arpa/inet.h>
#include <poll.h>

#include <array>

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
	: udp_(ns.in([&] { return bound(address, SOCK_DGRAM); })),
	  listener_(ns.in([&] { return bound(address, SOCK_STREAM); }))
{
	check(::listen(listener_.get(), 16), "listen");
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
	return Request{Endpoint(from),
		       {number(0), number(2), number(4), number(6)},
		       std::string(reinterpret_cast<const char *>(buffer.data()) +
					   frame_header_size,
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

FakeServer::Connection FakeServer::accept(const std::string &client_address)
{
	const auto deadline = Clock::now() + default_patience;
	while (readable(listener_.get(), Milliseconds{remaining_ms(deadline)})) {
		sockaddr_in from{};
		socklen_t size = sizeof(from);
		UniqueFd fd(check(::accept4(listener_.get(), reinterpret_cast<sockaddr *>(&from),
					    &size, SOCK_CLOEXEC),
				  "accept"));
		std::array<char, INET_ADDRSTRLEN> text{};
		::inet_ntop(AF_INET, &from.sin_addr, text.data(), text.size());
		if (client_address == text.data())
			return Connection(std::move(fd));
	}
	throw std::runtime_error("no connection from " + client_address);
}

std::string FakeServer::Connection::receive_up_to(std::string_view ending)
{
	std::string received;
	std::array<char, 65'536> chunk;
	while (!received.ends_with(ending)) {
		if (!readable(fd_.get(), default_patience))
			throw std::runtime_error("not received: " + std::string(ending));
		const auto size =
			check(::recv(fd_.get(), chunk.data(), chunk.size(), 0), "recv");
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
