// SPDX-License-Identifier: GPL-2.0-only
#include "udp_client.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "poll.hpp"
#include "system_error.hpp"
#include "text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr std::size_t frame_header_size = 8;

// Within this time a lost datagram shows; tests fail then, so it may be generous.
constexpr Milliseconds reply_patience{5'000};

std::uint16_t read16(const char *bytes)
{
	std::uint16_t value = 0;
	std::memcpy(&value, bytes, sizeof(value));
	return ntohs(value);
}

} // namespace

std::string UdpHeader::encode() const
{
	std::string bytes;
	for (const std::uint16_t field : {request_id, sequence, total, reserved}) {
		bytes += static_cast<char>(field >> 8);
		bytes += static_cast<char>(field & 0xff);
	}
	return bytes;
}

UdpClient::UdpClient(const Netns &ns, const Endpoint &server, const std::string &source)
	: fd_(ns.in([&] {
		  UniqueFd fd(
			  check(::socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
		  if (!source.empty()) {
			  const Endpoint local(source, 0);
			  check(::bind(fd.get(), local.address(), local.size()), "bind " + source);
		  }
		  check(::connect(fd.get(), server.address(), server.size()), "connect");
		  return fd;
	  }))
{
}

void UdpClient::send_raw(std::string_view bytes)
{
	check(::send(fd_.get(), bytes.data(), bytes.size(), 0), "send a datagram");
}

void UdpClient::send(const UdpHeader &header, std::string_view payload)
{
	send_raw(header.encode().append(payload));
}

std::optional<Datagram> UdpClient::receive(Milliseconds patience)
{
	std::array<char, 65'536> buffer;
	const auto deadline = Clock::now() + patience;
	for (;;) {
		if (!wait_readable(fd_.get(), deadline))
			return std::nullopt;
		const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
		// An ICMP error of an earlier datagram surfaces here once; the socket is still good.
		if (size < 0)
			continue;
		if (static_cast<std::size_t>(size) < frame_header_size) {
			throw std::runtime_error("a reply without a frame header");
		}
		const char *bytes = buffer.data();
		return Datagram{
			{read16(bytes), read16(bytes + 2), read16(bytes + 4), read16(bytes + 6)},
			std::string(bytes + frame_header_size,
				    static_cast<std::size_t>(size) - frame_header_size)};
	}
}

std::vector<Datagram> UdpClient::exchange(std::string_view request, unsigned replies)
{
	const std::uint16_t id = next_request_id();
	send({.request_id = id}, request);
	std::vector<Datagram> datagrams;
	std::string stream;
	const auto deadline = Clock::now() + reply_patience;
	while (auto datagram = receive(Milliseconds{remaining_ms(deadline)})) {
		if (datagram->header.request_id != id) {
			++strays_;
			continue;
		}
		stream += datagram->payload;
		datagrams.push_back(std::move(*datagram));
		if (holds_replies(stream, replies))
			return datagrams;
	}
	throw std::runtime_error("no complete reply to " + printable(request) + "; got " +
				 std::to_string(datagrams.size()) +
				 " datagrams: " + printable(stream));
}

std::string UdpClient::ask(std::string_view request, unsigned replies)
{
	return join(exchange(request, replies));
}

std::string UdpClient::collect(std::uint16_t request_id, unsigned replies, Milliseconds patience)
{
	std::string stream;
	const auto deadline = Clock::now() + patience;
	while (auto datagram = receive(Milliseconds{remaining_ms(deadline)})) {
		if (datagram->header.request_id != request_id) {
			++strays_;
			continue;
		}
		stream += datagram->payload;
		if (holds_replies(stream, replies))
			break;
	}
	return stream;
}

unsigned UdpClient::strays()
{
	while (receive(Milliseconds{0}))
		++strays_;
	return strays_;
}

std::uint16_t UdpClient::local_port() const
{
	sockaddr_in6 local{};
	socklen_t size = sizeof(local);
	check(::getsockname(fd_.get(), reinterpret_cast<sockaddr *>(&local), &size), "getsockname");
	return ntohs(local.sin6_port); // the same offset as sin_port
}

std::string join(const std::vector<Datagram> &datagrams)
{
	std::string stream;
	for (const Datagram &each : datagrams)
		stream += each.payload;
	return stream;
}

} // namespace prestack::test
