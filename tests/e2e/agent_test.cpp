// SPDX-License-Identifier: GPL-2.0-only
// The agent, with a real server: it asks when items expire, audits the cache, and knows of connections
// that are older than prestack or bypass it. When the loader stops, nothing is served any more.
#include <csignal>

#include "fixture.hpp"

namespace prestack::test
{
namespace
{

class Agent : public E2eTest
{
protected:
	Agent() : link_(server_, client_, {})
	{
		link_.server_address("10.0.0.1/24");
		link_.client_address("10.0.0.2/24");
		memcached_ = std::make_unique<Memcached>(
			server_, MemcachedOptions{.addresses = {"10.0.0.1"}});
	}

	void start(const PrestackOptions &options = {})
	{
		prestack_ = std::make_unique<Prestack>(server_, options);
	}
	void start_with(const std::string &existing_connections)
	{
		PrestackOptions options;
		options.services.front().existing_connections = existing_connections;
		start(options);
	}
	TcpClient tcp() const { return TcpClient(client_, endpoint_); }
	// From the server's own host: prestack sees nothing of it.
	TcpClient behind_its_back() const { return TcpClient(server_, endpoint_); }
	UdpClient &udp()
	{
		if (!udp_)
			udp_ = std::make_unique<UdpClient>(client_, endpoint_);
		return *udp_;
	}
	std::string read(const std::string &key) { return udp().ask(get(key)); }
	// Reads until the kernel answers.
	bool warm(const std::string &key)
	{
		const auto before = prestack_->counter("hits");
		return eventually([&] {
			read(key);
			return prestack_->counter("hits") > before;
		});
	}
	nlohmann::json status() const
	{
		return nlohmann::json::parse(prestack_->cli("status --json").output)
			.at("services")
			.at(0);
	}

	const Endpoint endpoint_{"10.0.0.1", memcached_port};
	Netns server_{"server"};
	Netns client_{"client"};
	VethPair link_;
	std::unique_ptr<Memcached> memcached_;
	std::unique_ptr<Prestack> prestack_;
	std::unique_ptr<UdpClient> udp_;
};

TEST_F(Agent, TheAuditFindsNothingStaleInANormalRun)
{
	start({.audit_rate = 1000});
	TcpClient writer = tcp();
	for (int round = 0; round < 40; ++round) {
		for (int i = 0; i < 20; ++i) {
			const std::string key = "key" + std::to_string(i);
			if (round % 4 == 0)
				writer.ask(store(key, std::to_string(round)));
			read(key);
		}
	}
	EXPECT_TRUE(warm("key0"));
	EXPECT_TRUE(eventually([&] { return prestack_->counter("audited") > 100; }))
		<< prestack_->stats().dump(2);
	EXPECT_EQ(prestack_->counter("stale"), 0U);
	EXPECT_EQ(prestack_->counter("absent"), 0U);
	EXPECT_EQ(prestack_->counter("agent_errors"), 0U);
}

// The proof that the audit can fail.
TEST_F(Agent, TheAuditFindsAWriteThatPrestackDidNotSee)
{
	start({.audit_rate = 1000});
	tcp().ask(store("key", "seen"));
	ASSERT_TRUE(warm("key"));
	EXPECT_EQ(prestack_->counter("stale"), 0U);
	behind_its_back().ask(store("key", "not seen"));
	EXPECT_TRUE(eventually([&] { return prestack_->counter("stale") > 0; }))
		<< prestack_->stats().dump(2);
	EXPECT_EQ(read("key"), "VALUE key 0 8\r\nnot seen\r\nEND\r\n") << "and flushes";
	const std::string log = prestack_->process().errors();
	EXPECT_NE(log.find("STALE: the server has another value for a key of 3 bytes"),
		  std::string::npos)
		<< log;
	EXPECT_EQ(log.find("\"key\""), std::string::npos)
		<< "keys are the clients' affair, unless log.keys = true: " << log;
}

TEST_F(Agent, TheAuditFindsOtherFlags)
{
	start({.audit_rate = 1000});
	tcp().ask(store("key", "value", 1));
	ASSERT_TRUE(warm("key"));
	behind_its_back().ask(store("key", "value", 2));
	EXPECT_TRUE(eventually([&] { return prestack_->counter("stale") > 0; }));
	EXPECT_EQ(read("key"), "VALUE key 2 5\r\nvalue\r\nEND\r\n");
}

TEST_F(Agent, AnItemThatTheServerNoLongerHasIsNotCalledStale)
{
	start({.audit_rate = 1000});
	tcp().ask(store("key", "value"));
	ASSERT_TRUE(warm("key"));
	behind_its_back().ask("delete key\r\n");
	EXPECT_TRUE(eventually([&] { return prestack_->counter("absent") > 0; }));
	EXPECT_EQ(prestack_->counter("stale"), 0U);
}

TEST_F(Agent, UsedEntriesAreTouchedAtTheServer)
{
	start({.warm_rate = 10000});
	tcp().ask(store("key", "value"));
	ASSERT_TRUE(warm("key"));
	// One walk through the index takes a minute; this table is walked in less.
	EXPECT_TRUE(eventually([&] { return prestack_->counter("warmed") > 0; },
			       Milliseconds{90'000}, Milliseconds{100}));
}

// Of many questions at a time the kernel tells once, and nothing comes after them to tell of the last ones.
TEST_F(Agent, ABurstOfQuestionsIsAnsweredWhole)
{
	constexpr unsigned keys = 60;
	start();
	TcpClient direct = behind_its_back();
	for (unsigned i = 0; i < keys; ++i)
		direct.ask(store("key" + std::to_string(i), "value"));
	direct.ask(store("another", "value"));
	ASSERT_TRUE(warm("another")) << "leases are taken from now on";
	const auto asked = prestack_->counter("questions");
	const auto answered = prestack_->counter("expiry_answered");
	for (unsigned i = 0; i < keys; ++i)
		read("key" + std::to_string(i));
	EXPECT_EQ(prestack_->counter("questions"), asked + keys);
	EXPECT_TRUE(eventually([&] {
		return prestack_->counter("expiry_answered") == answered + keys;
	})) << prestack_->stats().dump(2);
	const auto before = prestack_->counter("hits");
	for (unsigned i = 0; i < keys; ++i)
		read("key" + std::to_string(i));
	EXPECT_EQ(prestack_->counter("hits"), before + keys);
}

// Nobody saw these writes: when the items expire only the server knows.
TEST_F(Agent, ExpiryIsAskedForAndKept)
{
	start();
	TcpClient direct = behind_its_back();
	direct.ask(store("never", "value"));
	ASSERT_TRUE(warm("never"));
	// Long enough to be served on a busy machine.
	direct.ask(store("soon", "value", 0, "set", 15));
	ASSERT_TRUE(warm("soon"));
	direct.ask(store("too-soon", "value", 0, "set", 2));
	EXPECT_GE(prestack_->counter("expiry_asked"), 2U);
	EXPECT_GE(prestack_->counter("expiry_answered"), 2U);
	const auto both_are_gone = [&] {
		unsigned gone = 0;
		for (const std::string key : {"soon", "too-soon"}) {
			// What the server does not have any more before we ask, we may not get.
			const bool absent = direct.ask(get(key)) == "END\r\n";
			const std::string answer = read(key);
			if (absent) {
				EXPECT_EQ(answer, "END\r\n") << key;
			}
			gone += absent ? 1 : 0;
		}
		return gone == 2 || HasFailure();
	};
	EXPECT_TRUE(eventually(both_are_gone, Milliseconds{60'000}));
	EXPECT_EQ(read("soon"), "END\r\n");
	EXPECT_EQ(read("never"), "VALUE never 0 5\r\nvalue\r\nEND\r\n");
}

TEST_F(Agent, TheAgentFindsTheServerAgainAfterARestart)
{
	behind_its_back().ask(store("key", "value"));
	start();
	ASSERT_TRUE(eventually([&] { return status().at("agent_connected") == true; }));
	EXPECT_TRUE(warm("key"));
	memcached_->restart();
	behind_its_back().ask(store("key", "other"));
	EXPECT_TRUE(eventually([&] { return status().at("agent_connected") == true; }));
	EXPECT_TRUE(warm("key"));
	EXPECT_EQ(read("key"), "VALUE key 0 5\r\nother\r\nEND\r\n");
}

// A loader that does not run cannot know what happens: the kernel waits a second for it, not longer.
TEST_F(Agent, AStoppedLoaderStopsService)
{
	start();
	tcp().ask(store("key", "value"));
	ASSERT_TRUE(warm("key"));
	prestack_->process().signal(SIGSTOP);
	const bool unwatched = eventually([&] {
		read("key");
		return prestack_->stats().at("services").at(0).at("passed").at("unwatched") > 0;
	});
	EXPECT_TRUE(unwatched) << prestack_->stats().dump(2);
	/* The kernel's clock lags, so it stops a little earlier than `status` says. */
	EXPECT_TRUE(eventually([&] { return status().at("watched") == false; }));
	const auto hits = prestack_->counter("hits");
	EXPECT_EQ(read("key"), "VALUE key 0 5\r\nvalue\r\nEND\r\n");
	EXPECT_EQ(prestack_->counter("hits"), hits);
	prestack_->process().signal(SIGCONT);
	EXPECT_TRUE(warm("key"));
	EXPECT_EQ(status().at("watched"), true);
}

TEST_F(Agent, ConnectionsThatBypassPrestackAreShown)
{
	start();
	TcpClient seen = tcp();
	seen.ask("version\r\n");
	{
		TcpClient unseen = behind_its_back();
		unseen.ask("version\r\n");
		EXPECT_TRUE(eventually([&] { return status().at("bypassing_connections") == 1; }))
			<< status().dump(2);
		EXPECT_NE(prestack_->cli("status").output.find(
				  "1 connections do not pass a served interface: their writes are "
				  "not seen"),
			  std::string::npos);
	}
	EXPECT_TRUE(eventually([&] { return status().at("bypassing_connections") == 0; }))
		<< "the agent's own and the client's do not count\n"
		<< status().dump(2);
}

TEST_F(Agent, OlderConnectionsAreResetIfAskedTo)
{
	TcpClient old = tcp();
	old.ask(store("key", "value"));
	start_with("reset");
	EXPECT_THROW(old.ask("version\r\n"), std::exception);
	EXPECT_EQ(status().at("waiting"), false);
	EXPECT_EQ(status().at("old_connections"), 0);
	EXPECT_TRUE(warm("key"));
}

TEST_F(Agent, OlderConnectionsAreShownUntilTheyClose)
{
	auto old = std::make_unique<TcpClient>(client_, endpoint_);
	old->ask(store("key", "value"));
	TcpClient behind = behind_its_back(); // not waited for: it never was seen
	behind.ask("version\r\n");
	start();
	EXPECT_EQ(status().at("waiting"), true);
	EXPECT_EQ(status().at("old_connections"), 1);
	EXPECT_NE(prestack_->cli("status").output.find(
			  "for 1 connections older than the attachment: nothing is served"),
		  std::string::npos);
	TcpClient young = tcp();
	young.ask("version\r\n");
	for (int i = 0; i < 10; ++i)
		read("key");
	EXPECT_EQ(prestack_->counter("hits"), 0U);
	old->ask("version\r\n");
	old.reset();
	EXPECT_TRUE(eventually([&] { return status().at("waiting") == false; }))
		<< status().dump(2);
	EXPECT_TRUE(warm("key"));
}

} // namespace
} // namespace prestack::test
