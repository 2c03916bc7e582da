// SPDX-License-Identifier: GPL-2.0-only
// While the slots of a cluster move, each node answers through prestack what it answers by itself.
#include "cluster.hpp"

#include <atomic>
#include <csignal>
#include <thread>

namespace prestack::test
{
namespace
{

class RedisCluster : public RedisTest
{
protected:
	static void SetUpTestSuite()
	{
		if (why_no_redis().empty())
			shared = std::make_unique<Cluster>();
	}
	static void TearDownTestSuite() { shared.reset(); }

	static inline std::unique_ptr<Cluster> shared; // making one takes longer than a test

	static std::string get(TcpClient &client, const std::string &key)
	{
		return client.ask(resp({"GET", key}), 1, resp_reply_length);
	}

	// Reads until the kernel of that node answers.
	static void cache(const Cluster &cluster, unsigned node, const std::string &key)
	{
		auto client = cluster.connect(node);
		EXPECT_TRUE(eventually([&] {
			const auto before = cluster.hits(node);
			get(client, key);
			return cluster.hits(node) > before;
		})) << key
		    << " is never answered by the kernel";
	}

	// Keys of one slot, with values.
	static std::vector<std::string> store(const Cluster &cluster, const std::string &tag,
					      unsigned owner)
	{
		std::vector<std::string> keys;
		auto client = cluster.connect(owner);
		for (int i = 0; i < 6; ++i) {
			keys.push_back("{" + tag + "}" + std::to_string(i));
			EXPECT_EQ(client.ask(resp({"SET", keys.back(), "value"}), 1,
					     resp_reply_length),
				  "+OK\r\n");
		}
		return keys;
	}
};

TEST_F(RedisCluster, AnEarnedConnectionIsSentOnForKeysOfOthers)
{
	const Cluster &cluster = *shared;
	std::array<std::string, Cluster::size> key;
	for (unsigned i = 0; i < 100; ++i) {
		const std::string name = "key" + std::to_string(i);
		key.at(cluster.owner_of(name)) = name;
	}
	for (unsigned node = 0; node < Cluster::size; ++node) {
		auto client = cluster.connect(node);
		client.ask(resp({"SET", key.at(node), "value"}), 1, resp_reply_length);
		cache(cluster, node, key.at(node));
	}
	for (unsigned node = 0; node < Cluster::size; ++node) {
		auto client = cluster.connect(node);
		for (int round = 0; round < 3; ++round) {
			for (const std::string &each : key)
				EXPECT_EQ(get(client, each), cluster.direct(node, {"GET", each}));
		}
		EXPECT_EQ(cluster.stale(node), 0U);
	}
}

// A node with a slot that is on its way answers for what is still there, and says ASK for the rest; the new
// one answers only who asks so. After each step every key is asked for, of both.
TEST_F(RedisCluster, ASlotMoves)
{
	const Cluster &cluster = *shared;
	for (const bool inside : {false, true}) {
		SCOPED_TRACE(inside ? "by commands that do not pass the interface"
				    : "by commands that do");
		const std::string tag = inside ? "inside" : "outside";
		const unsigned from = cluster.owner_of("{" + tag + "}");
		const unsigned to = (from + 1) % Cluster::size;
		const auto keys = store(cluster, tag, from);
		for (const std::string &key : keys)
			cache(cluster, from, key);
		auto old_one = cluster.connect(from);
		auto new_one = cluster.connect(to);
		get(old_one, keys.front());
		cluster.move(keys.front(), from, to, inside, [&](const std::string &step) {
			for (const std::string &key : keys) {
				// What the nodes tell each other may change the answer in between.
				const auto same = [&](TcpClient &client, unsigned node) {
					const std::string before =
						cluster.direct(node, {"GET", key});
					const std::string got = get(client, key);
					return got == before ||
					       got == cluster.direct(node, {"GET", key});
				};
				// What does not pass is heard of a moment later.
				EXPECT_TRUE(inside ? eventually([&] { return same(old_one, from); })
						   : same(old_one, from))
					<< step << ", the old node, " << key;
				EXPECT_TRUE(same(new_one, to)) << step << ", the new node, " << key;
			}
		});
		for (const std::string &key : keys) {
			EXPECT_THAT(get(old_one, key), testing::StartsWith("-MOVED")) << key;
			cache(cluster, to, key);
		}
		EXPECT_EQ(cluster.stale(from), 0U);
		EXPECT_EQ(cluster.stale(to), 0U);
	}
}

// Without the audit, which would find it too.
TEST_F(RedisCluster, ASlotThatIsLostSilently)
{
	const Cluster cluster(0);
	const std::string tag = "lost";
	const unsigned from = cluster.owner_of("{" + tag + "}");
	const auto keys = store(cluster, tag, from);
	{
		SCOPED_TRACE(
			"the first who is sent on ends what is cached; the loader stands still");
		for (const std::string &key : keys)
			cache(cluster, from, key);
		auto client = cluster.connect(from);
		auto other = cluster.connect(from);
		get(client, keys.front());
		get(other, keys.front());
		cluster.loader(from).signal(SIGSTOP);
		cluster.take_away(keys.front(), from, (from + 1) % Cluster::size);
		const auto flushes = cluster.flushes(from);
		EXPECT_THAT(get(other, "{" + tag + "}not cached"), testing::StartsWith("-MOVED"));
		EXPECT_GT(cluster.flushes(from), flushes);
		const auto hits = cluster.hits(from);
		for (const std::string &key : keys)
			EXPECT_THAT(get(client, key), testing::StartsWith("-MOVED")) << key;
		EXPECT_EQ(cluster.hits(from), hits);
		cluster.loader(from).signal(SIGCONT);
	}
	{
		SCOPED_TRACE("nobody asks: the agent looks");
		const unsigned owner = (from + 1) % Cluster::size;
		const auto again = store(cluster, tag, owner);
		for (const std::string &key : again)
			cache(cluster, owner, key);
		auto client = cluster.connect(owner);
		get(client, again.front());
		cluster.take_away(again.front(), owner, from);
		EXPECT_TRUE(eventually([&] { return cluster.entries(owner) == 0; }));
		const auto hits = cluster.hits(owner);
		for (const std::string &key : again)
			EXPECT_THAT(get(client, key), testing::StartsWith("-MOVED")) << key;
		EXPECT_EQ(cluster.hits(owner), hits);
	}
}

// Clients that follow MOVED and ASK, while one slot goes to and fro: what they read is never older than what
// was acknowledged before they asked.
TEST_F(RedisCluster, ClientsRunWhileASlotMoves)
{
	const Cluster &cluster = *shared;
	const std::string key = "{moving}counter";
	std::atomic<bool> stop{false};
	std::atomic<long> acknowledged{0};
	std::atomic<unsigned> reads{0};
	std::atomic<unsigned> old_values{0};
	std::atomic<unsigned> redirected{0};

	const auto ask = [&](std::vector<TcpClient> &clients, unsigned &node,
			     const std::vector<std::string> &words) {
		for (int hop = 0; hop < 100; ++hop) {
			std::string reply = clients.at(node).ask(resp(words), 1, resp_reply_length);
			const bool asks = reply.starts_with("-ASK ");
			if (!asks && !reply.starts_with("-MOVED ") &&
			    !reply.starts_with("-TRYAGAIN"))
				return reply;
			++redirected;
			for (unsigned i = 0; i < Cluster::size; ++i) {
				if (reply.find(" " + Cluster::address(i) + ":") ==
				    std::string::npos)
					continue;
				if (!asks) {
					node = i;
					continue;
				}
				// A connection of its own: ASKING ends its being served.
				auto other = cluster.connect(i);
				other.ask(resp({"ASKING"}), 1, resp_reply_length);
				reply = other.ask(resp(words), 1, resp_reply_length);
				if (!reply.starts_with("-"))
					return reply;
			}
		}
		throw std::runtime_error("redirected for ever");
	};
	const auto connect_all = [&] {
		std::vector<TcpClient> clients;
		for (unsigned i = 0; i < Cluster::size; ++i)
			clients.push_back(cluster.connect(i));
		return clients;
	};
	const unsigned home = cluster.owner_of(key);
	std::vector<std::thread> threads;
	threads.emplace_back([&] {
		auto clients = connect_all();
		unsigned node = home;
		while (!stop) {
			const std::string reply = ask(clients, node, {"INCR", key});
			acknowledged = std::stol(reply.substr(1));
			std::this_thread::sleep_for(Milliseconds{20});
		}
	});
	for (int i = 0; i < 2; ++i) {
		threads.emplace_back([&] {
			auto clients = connect_all();
			unsigned node = home;
			while (!stop) {
				const long least = acknowledged;
				const std::string reply = ask(clients, node, {"GET", key});
				const std::size_t line = reply.find("\r\n");
				const long got = reply.starts_with("$-1")
							 ? 0
							 : std::stol(reply.substr(line + 2));
				old_values += got < least ? 1 : 0;
				++reads;
			}
		});
	}
	unsigned from = home;
	for (int round = 0; round < 8; ++round) {
		std::this_thread::sleep_for(Milliseconds{300});
		const unsigned to = (from + 1) % Cluster::size;
		cluster.move(key, from, to, false, [](const std::string &) {});
		from = to;
	}
	stop = true;
	for (auto &thread : threads)
		thread.join();
	EXPECT_EQ(old_values, 0U) << "of " << reads;
	EXPECT_GT(reads, 1'000U);
	EXPECT_GT(redirected, 0U);
	std::uint64_t hits = 0;
	for (unsigned node = 0; node < Cluster::size; ++node) {
		hits += cluster.hits(node);
		EXPECT_EQ(cluster.stale(node), 0U);
	}
	EXPECT_GT(hits, 100U);
}

} // namespace
} // namespace prestack::test
