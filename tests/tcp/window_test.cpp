// SPDX-License-Identifier: GPL-2.0-only
// A client that does not read: neither the kernel's answers nor what the server sends behind them exceed the room
// that it has told of.
#include <thread>

#include "fixture.hpp"
#include "kernel_counters.hpp"
#include "support/tcp_client.hpp"
#include "support/text_protocol.hpp"
#include "support/wait.hpp"

namespace prestack::test
{
namespace
{

class Window : public TcpReads
{
protected:
	static constexpr unsigned rounds = 10;
	const std::string value_ = std::string(900, 'v');
	const std::string right_ = "VALUE key 0 900\r\n" + value_ + "\r\nEND\r\n";
	const std::string big_ = std::string(500'000, 'B');
	const std::string right_big_ =
		"VALUE big 0 " + std::to_string(big_.size()) + "\r\n" + big_ + "\r\nEND\r\n";
};

TEST_F(Window, AClientThatStopsReadingAfterThreeAnswers)
{
	const TcpTestbed testbed({.sysctls = {{"ipv4/tcp_rmem", "4096 16384 16384"}}});
	TcpClient setter(testbed.client_ns(), testbed.server());
	setter.ask(store("key", value_));
	setter.ask(store("big", big_));
	const KernelCounters server = kernel_counters(testbed.server_ns());
	const std::uint64_t hits = testbed.counter("stream_hits");
	for (unsigned round = 0; round < rounds; ++round) {
		TcpClient client(testbed.client_ns(), testbed.server());
		EXPECT_TRUE(client.ask("get key\r\n") == right_);
		/* Half of them acknowledge by themselves before they ask again. */
		if (round % 2)
			std::this_thread::sleep_for(Milliseconds{100});
		for (unsigned i = 0; i < 3; ++i) {
			client.send("get key\r\n");
			std::this_thread::sleep_for(Milliseconds{5});
		}
		client.send("get big\r\n");
		std::this_thread::sleep_for(Milliseconds{300});
		for (unsigned i = 0; i < 3; ++i)
			EXPECT_TRUE(client.receive() == right_);
		EXPECT_TRUE(client.receive() == right_big_);
	}
	EXPECT_GT(testbed.counter("stream_hits"), hits + 20);
	print_counters(testbed);
	/* What is dropped since it is beyond the window comes again after a timeout, in each round. */
	const KernelCounters at_server = growth(server, kernel_counters(testbed.server_ns()));
	EXPECT_LE(at_server.at("TcpExtTCPTimeouts"), rounds / 5);
}

} // namespace
} // namespace prestack::test
