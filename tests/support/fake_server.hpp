// SPDX-License-Identifier: GPL-2.0-only
// A server that the test itself is: it decides when each request is answered, and how. What a real
// server does only under load, in an unlucky order, it does at will.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "endpoint.hpp"
#include "loader/base/fd.hpp"
#include "netns.hpp"
#include "udp_client.hpp"
#include "wait.hpp"

namespace prestack::test
{

class FakeServer
{
public:
	// Listens on UDP and TCP. Connections from its own host are answered by a thread: to every
	// meta get that there is an item of this value, which never expires.
	FakeServer(const Netns &ns, const Endpoint &address);
	~FakeServer();
	FakeServer(const FakeServer &) = delete;
	FakeServer &operator=(const FakeServer &) = delete;
	// What is answered to those from now on.
	void hold(std::string value);

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
	// The next connection from elsewhere.
	Connection accept();

private:
	struct Local {
		UniqueFd fd;
		std::string received;
	};
	void serve_locals();
	void accept_one(std::vector<Local> &locals);
	bool answer_local(Local &local);

	Endpoint address_;
	UniqueFd udp_;
	UniqueFd listener_;
	UniqueFd stop_;
	std::mutex mutex_; // of the two below
	std::deque<UniqueFd> accepted_;
	std::string value_;
	std::condition_variable arrived_;
	std::thread thread_; // last: it uses all the others
};

} // namespace prestack::test
