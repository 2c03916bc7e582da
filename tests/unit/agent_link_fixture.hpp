// SPDX-License-Identifier: GPL-2.0-only
// A server that the test plays, for the agent's connection.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "agent/agent_link.hpp"

namespace prestack
{

class AgentLinkFixture : public testing::Test
{
protected:
	AgentLinkFixture() : loop_(*EventLoop::create())
	{
		listener_ = UniqueFd(socket(AF_INET, SOCK_STREAM, 0));
		sockaddr_in address{};
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		socklen_t length = sizeof address;
		auto *generic = reinterpret_cast<sockaddr *>(&address);
		EXPECT_EQ(bind(listener_.get(), generic, length), 0);
		EXPECT_EQ(listen(listener_.get(), 4), 0);
		EXPECT_EQ(getsockname(listener_.get(), generic, &length), 0);
		port_ = ntohs(address.sin_port);
	}

	void make(std::unique_ptr<AgentCodec> codec, AgentLink::Events events,
		  AgentLinkLimits limits)
	{
		link_.reset();
		// An earlier one may have come again.
		while (somebody_waits()) {
			UniqueFd(accept(listener_.get(), nullptr, nullptr));
		}
		link_ = std::make_unique<AgentLink>(loop_,
						    Endpoint{*parse_address("0.0.0.0"), port_},
						    std::move(codec), std::move(events), limits);
	}
	bool somebody_waits() const
	{
		pollfd waiting{listener_.get(), POLLIN, 0};
		return poll(&waiting, 1, 0) == 1;
	}
	void accept_link()
	{
		ASSERT_TRUE(turn_until([this] { return somebody_waits(); }));
		server_ = UniqueFd(accept(listener_.get(), nullptr, nullptr));
	}
	template <typename Condition>
	bool turn_until(Condition condition)
	{
		const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
		while (!condition() && std::chrono::steady_clock::now() < end) {
			EXPECT_TRUE(loop_.turn(std::chrono::milliseconds(10)));
			link_->tick();
		}
		return condition();
	}
	std::string heard(std::size_t size)
	{
		std::string text(size, '\0');
		EXPECT_TRUE(turn_until([&] {
			return recv(server_.get(), text.data(), size, MSG_PEEK | MSG_DONTWAIT) ==
			       static_cast<ssize_t>(size);
		}));
		const auto got = recv(server_.get(), text.data(), size, MSG_DONTWAIT);
		return text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
	}
	void say(std::string_view text) const
	{
		EXPECT_EQ(send(server_.get(), text.data(), text.size(), 0),
			  static_cast<ssize_t>(text.size()));
	}

	EventLoop loop_;
	UniqueFd listener_;
	UniqueFd server_;
	std::uint16_t port_ = 0;
	std::string log_;
	std::unique_ptr<AgentLink> link_;
};

} // namespace prestack
