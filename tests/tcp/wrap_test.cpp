// SPDX-License-Identifier: GPL-2.0-only
// A connection survives the wrap-around of the server's sequence numbers.
//
// The server's kernel chooses the first number: a hash of addresses and ports, plus a clock that ticks
// each 64 ns and so wraps in 274 s. So many ports are tried, and the port whose wrap comes next is
// used again at that time.
#include <linux/tcp.h> // not netinet/tcp.h, which lacks the repair queues
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <thread>

#include "fixture.hpp"
#include "support/system_error.hpp"
#include "support/tcp_client.hpp"
#include "support/tcp_options.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned ports = 400;
constexpr std::uint16_t first_port = 20'000;
constexpr int attempts = 20;
constexpr std::chrono::nanoseconds tick{64};
constexpr std::uint32_t ahead = 30'000; // bytes from the first number to the turn, if all goes well
constexpr std::uint32_t most_ahead = 1'500'000; // and if the machine is busy

class Wrap : public TcpReads
{
protected:
	// The next number that the client expects of the server.
	static std::uint32_t expected(int fd)
	{
		const auto set = [&](int option, int value) {
			check(::setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)),
			      "TCP_REPAIR");
		};
		std::uint32_t sequence = 0;
		socklen_t size = sizeof(sequence);
		set(TCP_REPAIR, TCP_REPAIR_ON);
		set(TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
		check(::getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &size),
		      "TCP_QUEUE_SEQ");
		set(TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
		return sequence;
	}

	TcpClient connect(std::uint16_t port) const
	{
		return TcpClient(testbed_.client_ns(), testbed_.server(), {.source_port = port});
	}

	// How long until a connection from this port would begin `ahead` bytes before the turn.
	std::chrono::nanoseconds time_left(std::uint16_t port) const
	{
		TcpClient client = connect(port);
		const std::uint32_t first = expected(client.fd());
		close_with_reset_later(client.fd()); // so that the port is free at once
		return tick * (0U - ahead - first);
	}

	TcpTestbed testbed_;
};

TEST_F(Wrap, TheServersNumbersComeRound)
{
	const std::string value(1'000, 'v');
	const std::string get = "get key\r\n";
	const std::string right = "VALUE key 0 1000\r\n" + value + "\r\nEND\r\n";
	TcpClient(testbed_.client_ns(), testbed_.server()).ask(store("key", value));

	std::map<Clock::time_point, std::uint16_t> turns;
	for (unsigned i = 0; i < ports; ++i) {
		const auto port = static_cast<std::uint16_t>(first_port + i);
		turns[Clock::now() + time_left(port)] = port;
	}
	unsigned came_round = 0;
	int attempt = 0;
	for (const auto &[when, port] : turns) {
		if (came_round == 3 || ++attempt > attempts)
			break;
		if (when < Clock::now() + std::chrono::milliseconds{5})
			continue;
		std::this_thread::sleep_until(when);
		TcpClient client = connect(port);
		const std::uint32_t first = expected(client.fd());
		const std::uint32_t left = 0U - first;
		if (left > most_ahead) {
			close_with_reset_later(client.fd());
			continue; // too late, or too early
		}
		const std::uint64_t hits = testbed_.counter("stream_hits");
		for (std::uint32_t got = 0; got < left + 100'000;) {
			const std::string reply = client.ask(get);
			ASSERT_EQ(reply, right) << got << " bytes after " << first;
			got += static_cast<std::uint32_t>(reply.size());
		}
		EXPECT_LT(expected(client.fd()), first);
		EXPECT_EQ(client.ask(store("other", "x")), "STORED\r\n");
		EXPECT_EQ(client.receive_to_end(), "");
		const std::uint64_t answers = testbed_.counter("stream_hits") - hits;
		std::cout << "TCP wrap: " << left << " bytes before it, " << answers
			  << " answers of the kernel" << std::endl;
		EXPECT_GT(answers, left / right.size());
		++came_round;
	}
	EXPECT_GT(came_round, 0U);
}

} // namespace
} // namespace prestack::test
