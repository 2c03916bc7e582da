// SPDX-License-Identifier: GPL-2.0-only
// A server that the test itself is: it decides when each request is answered, and how. What a real
// server does only under load, in an unlucky order, it does at will.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "endpoint.hpp"
#include "netns.hpp"
#include "udp_client.hpp"
#include "unique_fd.hpp"
#include "wait.hpp"

namespace prestack::test
{

class FakeServer
{
public:
	// Listens on UDP and TCP.
	FakeServer(const Netns &ns, const Endpoint &address);

	struct Request {
		Endpoint client;
		UdpHeader header;
		std::string payload;
	};
	// The next datagram; nullopt when none comes in time.
	std::optional<Request> receive(Milliseconds patience = default_patience);
	// Answers it, as often as wanted.
	void answer(const Request &request, std::string_view payload);

	class Connection
	{
	public:
		explicit Connection(UniqueFd fd) : fd_(std::move(fd)) {}
		// Reads until the bytes received end in `ending`. Throws when they do not in time.
		std::string receive_up_to(std::string_view ending = "\n");
		void send(std::string_view bytes);

	private:
		UniqueFd fd_;
	};
	// The connection of the client at `client_address` that waits next; others are dropped.
	Connection accept(const std::string &client_address);

private:
	UniqueFd udp_;
	UniqueFd listener_;
};

} // namespace prestack::test
