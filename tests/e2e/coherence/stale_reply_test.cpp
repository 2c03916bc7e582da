// SPDX-License-Identifier: GPL-2.0-only
// A reply that leaves after a newer write must not put the old value into the cache. The test is the
// server, so it chooses the moment at which each reply leaves; `settle` is too short to help. This is
// defect (f) of BMC.
#include <map>

#include "memcached_testbed.hpp"
#include "support/fake_server.hpp"

namespace prestack::test
{
namespace
{

// Made once per settle time: loading prestack takes longer than these tests.
struct FakeServerTestbed {
	explicit FakeServerTestbed(const std::string &settle)
	{
		link.server_address("10.0.0.1/24");
		link.client_address("10.0.0.2/24");
		server = std::make_unique<FakeServer>(server_ns, address);
		/* Here each read over TCP has to get to the server. */
		PrestackOptions options{.settle = settle};
		options.services.front().transports = {"udp"};
		prestack = std::make_unique<Prestack>(server_ns, options);
		counters = std::make_unique<Counters>(prestack->name());
	}

	static FakeServerTestbed &shared(const std::string &settle)
	{
		std::unique_ptr<FakeServerTestbed> &testbed = all()[settle];
		if (!testbed)
			testbed = std::make_unique<FakeServerTestbed>(settle);
		return *testbed;
	}
	static std::map<std::string, std::unique_ptr<FakeServerTestbed>> &all()
	{
		static std::map<std::string, std::unique_ptr<FakeServerTestbed>> testbeds;
		return testbeds;
	}

	const Endpoint address{"10.0.0.1", memcached_port};
	Netns server_ns{"server"};
	Netns client_ns{"client"};
	VethPair link{server_ns, client_ns, {}};
	std::unique_ptr<FakeServer> server;
	std::unique_ptr<Prestack> prestack;
	std::unique_ptr<Counters> counters;
	unsigned keys = 0;
};

class StaleReply : public CoherenceTest
{
protected:
	static void TearDownTestSuite() { FakeServerTestbed::all().clear(); }
	void TearDown() override
	{
		if (HasFailure())
			FakeServerTestbed::all().clear();
	}

	void start(const std::string &settle)
	{
		testbed = &FakeServerTestbed::shared(settle);
		server = testbed->server.get();
		key = "key" + std::to_string(++testbed->keys);
		udp = std::make_unique<UdpClient>(testbed->client_ns, testbed->address);
		writer = std::make_unique<TcpClient>(testbed->client_ns, testbed->address);
		at_server = std::make_unique<FakeServer::Connection>(server->accept());
	}

	// A get arrives at the server, which does not answer yet.
	FakeServer::Request get_arrives(std::uint16_t id)
	{
		udp->send({.request_id = id}, get_line(key));
		auto request = server->receive();
		if (!request)
			throw std::runtime_error("the get did not reach the server");
		return *request;
	}
	FakeServer::Request get_arrives() { return get_arrives(udp->next_request_id()); }
	void reply_leaves(const FakeServer::Request &request, const std::string &value)
	{
		server->answer(request, value_reply(key, value));
		EXPECT_EQ(udp->collect(request.header.request_id), value_reply(key, value));
	}
	void write_arrives(const std::string &command)
	{
		writer->send(command);
		at_server->receive_up_to(command);
	}
	void write_reply_leaves(const std::string &reply = "STORED\r\n")
	{
		at_server->send(reply);
		EXPECT_EQ(writer->receive(), reply);
	}
	void write(const std::string &value)
	{
		write_arrives(store(key, value));
		write_reply_leaves();
	}

	// A get now must not be answered by the kernel; the server answers it with `value`.
	void expect_asked(const std::string &value)
	{
		server->hold(value);
		const std::uint16_t id = udp->next_request_id();
		udp->send({.request_id = id}, get_line(key));
		const auto request = server->receive();
		ASSERT_TRUE(request) << "answered by the kernel: " << udp->collect(id);
		reply_leaves(*request, value);
	}
	// Reads are answered with `value` by the server until the kernel does it.
	void expect_cached(const std::string &value)
	{
		server->hold(value);
		EXPECT_TRUE(eventually([&] {
			const std::uint64_t hits = testbed->counters->get(PS_COUNT_hits);
			const std::uint16_t id = udp->next_request_id();
			udp->send({.request_id = id}, get_line(key));
			std::optional<FakeServer::Request> request;
			wait_until("the get is answered or asked", [&] {
				request = server->receive(Milliseconds{0});
				return request || testbed->counters->get(PS_COUNT_hits) > hits;
			});
			if (request)
				server->answer(*request, value_reply(key, value));
			EXPECT_EQ(udp->collect(id), value_reply(key, value));
			return !request;
		})) << "never cached\n"
		    << testbed->prestack->stats().dump(2);
	}

	FakeServerTestbed *testbed = nullptr;
	FakeServer *server = nullptr;
	std::string key;
	std::unique_ptr<UdpClient> udp;
	std::unique_ptr<TcpClient> writer;
	std::unique_ptr<FakeServer::Connection> at_server;
};

TEST_F(StaleReply, ReplyLeavesBetweenTheWriteAndItsReply)
{
	start("1ms");
	write("old");
	const auto request = get_arrives();
	write_arrives(store(key, "new"));
	reply_leaves(request, "old");
	write_reply_leaves();
	expect_asked("new");
	expect_cached("new");
}

TEST_F(StaleReply, ReplyLeavesAfterTheWritesReply)
{
	start("1ms");
	write("old");
	const auto request = get_arrives();
	write("new");
	reply_leaves(request, "old");
	expect_asked("new");
	expect_cached("new");
}

// The write waits in the server for longer than any settle time; the old value may be cached
// meanwhile, but not for longer.
TEST_F(StaleReply, TheWriteTakesLongerThanSettle)
{
	start("1ms");
	write("old");
	expect_cached("old");
	write_arrives(store(key, "new"));
	expect_cached("old");
	write_reply_leaves();
	expect_asked("new");
	expect_cached("new");
}

TEST_F(StaleReply, ReplyToAReadFromBeforeALongWrite)
{
	start("1ms");
	write("old");
	write_arrives(store(key, "new"));
	expect_cached("old");
	write_arrives(store(key, "other"));
	const auto request = get_arrives();
	at_server->send("STORED\r\nSTORED\r\n");
	EXPECT_EQ(writer->receive(2), "STORED\r\nSTORED\r\n");
	reply_leaves(request, "old");
	expect_asked("other");
}

// The first reply must not let go what the second write still holds; what both held is free at once
// when the second one leaves.
TEST_F(StaleReply, TwoWritesUnderWay)
{
	start("3s");
	write("old");
	expect_cached("old");
	write_arrives(store(key, "mid"));
	write_arrives(store(key, "new"));
	write_reply_leaves();
	expect_asked("mid");
	expect_asked("mid");
	write_reply_leaves();
	expect_asked("new");
	expect_cached("new");
}

TEST_F(StaleReply, AWriteByDatagram)
{
	start("1ms");
	write("old");
	expect_cached("old");
	UdpClient other(testbed->client_ns, testbed->address);
	const std::uint16_t id = other.next_request_id();
	other.send({.request_id = id}, store(key, "new"));
	const auto request = server->receive();
	ASSERT_TRUE(request);
	const auto get = get_arrives();
	expect_cached("old");
	server->answer(*request, "STORED\r\n");
	EXPECT_EQ(other.collect(id), "STORED\r\n");
	reply_leaves(get, "old");
	expect_asked("new");
	expect_cached("new");
}

TEST_F(StaleReply, AFlush)
{
	start("1ms");
	write("old");
	const auto request = get_arrives();
	write_arrives("flush_all\r\n");
	const auto second = get_arrives();
	write_reply_leaves("OK\r\n");
	reply_leaves(request, "old");
	reply_leaves(second, "old");
	expect_asked("new");
}

TEST_F(StaleReply, AFlushThatTakesLongerThanSettle)
{
	start("1ms");
	write("old");
	write_arrives("flush_all\r\n");
	expect_cached("old");
	write_reply_leaves("OK\r\n");
	expect_asked("new");
}

// A write whose reply never came, then others.
TEST_F(StaleReply, AQuietWriteIsOverOnceALaterReplyLeaves)
{
	start("3s");
	write("old");
	expect_cached("old");
	write_arrives("set " + key + " 0 0 3 noreply\r\nnew\r\n");
	expect_asked("old");
	expect_asked("old");
	write_arrives("version\r\n");
	expect_asked("old");
	write_reply_leaves("VERSION 1\r\n");
	expect_asked("new");
	expect_cached("new");
}

TEST_F(StaleReply, AReplyToAnEarlierRequestOfTheSameNumber)
{
	start("1ms");
	write("old");
	for (const std::uint16_t number : {0, 7}) {
		const auto first = get_arrives(number);
		write("new");
		const auto second = get_arrives(number);
		server->answer(first, value_reply(key, "old")); // late
		EXPECT_EQ(udp->collect(number), value_reply(key, "old"));
		expect_asked("new");
		server->answer(second, value_reply(key, "new"));
		EXPECT_EQ(udp->collect(number), value_reply(key, "new"));
		write("old");
	}
}

// A request that the network delivered twice, or a client that asks again because it waits too long.
TEST_F(StaleReply, ARequestThatArrivesTwice)
{
	start("1ms");
	write("old");
	const auto request = get_arrives(3);
	const auto twin = get_arrives(3);
	reply_leaves(request, "old");
	write("new");
	const auto third = get_arrives(3);
	reply_leaves(twin, "old");
	expect_asked("new");
	reply_leaves(third, "new");
	expect_cached("new");
}

// A value may also be taken from a reply over TCP: of another connection than the write's.
TEST_F(StaleReply, AReplyOverTcp)
{
	start("1ms");
	write("old");
	TcpClient reader(testbed->client_ns, testbed->address);
	auto reader_at_server = server->accept();
	reader.send(get_line(key));
	reader_at_server.receive_up_to();
	write("new");
	reader_at_server.send(value_reply(key, "old"));
	EXPECT_EQ(reader.receive(), value_reply(key, "old"));
	expect_asked("new");
	expect_cached("new");
	reader.send(get_line(key));
	reader_at_server.receive_up_to();
	write_arrives(store(key, "newer"));
	reader_at_server.send(value_reply(key, "new"));
	EXPECT_EQ(reader.receive(), value_reply(key, "new"));
	write_reply_leaves();
	expect_asked("newer");
}

} // namespace
} // namespace prestack::test
