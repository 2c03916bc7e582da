// SPDX-License-Identifier: GPL-2.0-only
// When memcached is restarted, nothing that the old process held is served after the first reply of
// the new one.
#include <csignal>

#include "memcached_testbed.hpp"

namespace prestack::test
{
namespace
{

class Restart : public CoherenceTest
{
protected:
	// Of its own: others count on their connections.
	MemcachedTestbed &testbed() { return MemcachedTestbed::shared({.settle = "4ms"}); }

	std::string cached_key()
	{
		std::string key = testbed().key();
		testbed().store(key, "of the old process");
		testbed().cache(key);
		return key;
	}

	// Asks over UDP, for what was never there, until the new process answers.
	void wait_for_udp_reply()
	{
		UdpClient client = testbed().udp();
		std::uint16_t id = 0;
		wait_until("the new process answers over UDP", [&] {
			try {
				client.send({.request_id = ++id}, "get never-there\r\n");
				return client.collect(id, 1, Milliseconds{20}) == no_item;
			} catch (const std::system_error &) {
				return false; // nobody listens yet
			}
		});
	}
	void wait_for_tcp_reply()
	{
		wait_until("the new process accepts connections", [&] {
			try {
				testbed().tcp();
				return true;
			} catch (const std::system_error &) {
				return false;
			}
		});
	}
	void expect_gone(const std::string &key)
	{
		const std::uint64_t hits = testbed().count(PS_COUNT_hits);
		for (unsigned count = 0; count < 10; ++count)
			ASSERT_EQ(testbed().read(key).bytes, no_item);
		EXPECT_EQ(testbed().count(PS_COUNT_hits), hits);
	}
	void expect_new_values_are_cached(const std::string &key)
	{
		testbed().reconnect();
		testbed().store(key, "of the new process");
		EXPECT_EQ(testbed().cache(key), value_reply(key, "of the new process"));
	}
	// User space learns of the restart as well, but later: here it stands still.
	void stop_loader() { testbed().prestack().process().signal(SIGSTOP); }
	void resume_loader() { testbed().prestack().process().signal(SIGCONT); }
};

TEST_F(Restart, NothingOldAfterTheFirstReplyOverUdp)
{
	const std::string key = cached_key();
	const std::uint64_t restarts = testbed().count(PS_COUNT_restarts);
	stop_loader();
	testbed().memcached().restart_without_waiting();
	wait_for_udp_reply();
	expect_gone(key);
	EXPECT_GT(testbed().count(PS_COUNT_restarts), restarts);
	resume_loader();
	expect_new_values_are_cached(key);
}

TEST_F(Restart, NothingOldAfterTheFirstReplyOverTcp)
{
	const std::string key = cached_key();
	const std::uint64_t restarts = testbed().count(PS_COUNT_restarts);
	stop_loader();
	testbed().memcached().restart_without_waiting();
	wait_for_tcp_reply();
	expect_gone(key);
	EXPECT_GT(testbed().count(PS_COUNT_restarts), restarts);
	resume_loader();
	expect_new_values_are_cached(key);
}

// More often than the kernel half remembers sockets.
TEST_F(Restart, ManyTimes)
{
	const std::string key = cached_key();
	for (unsigned round = 0; round < PS_MAX_SOCKETS / 2 + 1; ++round) {
		SCOPED_TRACE("restart " + std::to_string(round));
		testbed().memcached().restart_without_waiting();
		wait_for_tcp_reply();
		wait_for_udp_reply();
		expect_gone(key);
		expect_new_values_are_cached(key);
	}
}

// The first thing that the new process is asked for is a write.
TEST_F(Restart, AWriteToTheNewProcess)
{
	const std::string key = cached_key();
	stop_loader();
	testbed().memcached().restart_without_waiting();
	wait_until("the new process stores", [&] {
		try {
			return testbed().tcp().ask(store(key, "new")) == "STORED\r\n";
		} catch (const std::exception &) {
			return false;
		}
	});
	EXPECT_EQ(testbed().read(key).bytes, value_reply(key, "new"));
	resume_loader();
	testbed().reconnect();
	EXPECT_EQ(testbed().cache(key), value_reply(key, "new"));
}

// A connection whose position is known from the old process means nothing to the new one.
TEST_F(Restart, ConnectionsOfBefore)
{
	const std::string key = cached_key();
	TcpClient before = testbed().tcp();
	before.send("set half 0 0 100\r\nof it");
	const std::uint16_t port = before.local_port();
	testbed().memcached().restart();
	{
		const TcpClient closed = std::move(before);
	}
	TcpClient after = testbed().tcp({.source_port = port});
	EXPECT_EQ(after.ask(store(key, "new")), "STORED\r\n");
	EXPECT_EQ(testbed().read(key).bytes, value_reply(key, "new"));
	testbed().reconnect();
	testbed().cache(key);
	EXPECT_EQ(after.ask(store(key, "newer")), "STORED\r\n");
	EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "newer"));
}

} // namespace
} // namespace prestack::test
