// SPDX-License-Identifier: GPL-2.0-only
// A Redis behind prestack, a way past prestack to the same Redis, which tells the truth, and a Redis
// alone with the same options.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/counters.hpp"
#include "support/hiredis_client.hpp"
#include "support/prestack.hpp"
#include "support/redis.hpp"
#include "support/resp.hpp"
#include "support/tcp_client.hpp"
#include "support/veth.hpp"

namespace prestack::test
{

struct RedisStageOptions {
	std::string settle = "3ms";
	bool ipv6 = false; // what the clients use
	std::vector<std::string> redis{}; // more command line arguments
	std::vector<std::string>
		credentials{}; // of the stage's own connections: the words after AUTH

	auto operator<=>(const RedisStageOptions &) const = default;
};

class RedisStage
{
public:
	explicit RedisStage(const RedisStageOptions &options = {});
	// A gtest failure if the audit, which runs all the while, has found a stale entry.
	~RedisStage();
	RedisStage(const RedisStage &) = delete;
	RedisStage &operator=(const RedisStage &) = delete;

	// One with these options, kept for later tests.
	static RedisStage &shared(const RedisStageOptions &options = {});
	static void discard_all();

	// Through the interface that prestack serves.
	TcpClient tcp() const { return TcpClient(client_ns_, server_); }
	HiredisClient hiredis() const { return HiredisClient(client_ns_, address(), redis_port); }
	// To the same Redis, not through prestack.
	TcpClient direct() const
	{
		return TcpClient(server_ns_, Endpoint("127.0.0.1", redis_port));
	}
	// To the Redis without prestack.
	TcpClient alone() const { return TcpClient(alone_ns_, Endpoint("127.0.0.1", redis_port)); }

	// A key that no test has used before on this stage; all have the same length.
	std::string key();
	// Sets it through prestack.
	void store(const std::string &key, const std::string &value);
	// Any command through prestack, on the connection that store() uses.
	std::string write(const std::vector<std::string> &words);

	struct Answer {
		std::string bytes;
		bool hit = false; // the kernel gave it
	};
	// GET, through prestack.
	Answer read(const std::string &key);
	// The same, asked of Redis alone.
	std::string truth(const std::string &key) { return tell({"GET", key}); }
	// What Redis alone answers.
	std::string tell(const std::vector<std::string> &words);
	// The value of a bulk string that it answers.
	std::string value(const std::vector<std::string> &words);
	// Gets until the kernel answers; each answer must be Redis' own. Returns the last one. A
	// gtest failure when the kernel never answers.
	std::string cache(const std::string &key);
	// Stores and caches.
	std::string cached_key(const std::string &value = "old-value");
	// The same, with the same item in the Redis without prestack.
	std::string cached_key_in_both(const std::string &value = "old-value");
	// Any command, to both.
	void write_both(const std::vector<std::string> &words);
	// Expects what the kernel or the server answers now to be the truth, and returns it.
	std::string expect_truth(const std::string &key);
	// The same; and if it is a string, that it is soon served from the kernel again.
	std::string expect_truth_and_cached_again(const std::string &key);

	std::uint64_t count(ps_counter counter) const { return counters_->get(counter); }
	// After a restart of prestack its counters, after one of Redis all connections are others.
	void reopen_counters();
	void reconnect();

	Prestack &prestack() { return *prestack_; }
	Redis &redis() { return redis_; }
	const Netns &server_ns() const { return server_ns_; }
	const Netns &client_ns() const { return client_ns_; }
	std::string address() const { return options_.ipv6 ? "fd00::1" : "10.0.0.1"; }

private:
	TcpClient authenticated(TcpClient client) const;

	RedisStageOptions options_;
	Endpoint server_;
	Netns server_ns_;
	Netns client_ns_;
	Netns alone_ns_;
	VethPair link_;
	Redis redis_;
	Redis alone_;
	std::unique_ptr<Prestack> prestack_;
	std::unique_ptr<Counters> counters_;
	TcpClient store_client_;
	TcpClient reader_;
	TcpClient direct_client_;
	TcpClient alone_client_;
	unsigned keys_ = 0;
};

// Skips where there is nothing to test, and drops the shared stages when a test failed, so that it
// cannot take later ones with it.
class RedisTest : public testing::Test
{
protected:
	void SetUp() override
	{
		static const std::string why_not = why_no_redis();
		if (!why_not.empty())
			GTEST_SKIP() << why_not;
	}
	void TearDown() override
	{
		if (HasFailure())
			RedisStage::discard_all();
	}
};

// One command, one reply, with bytes that can be printed.
std::string ask(TcpClient &client, const std::vector<std::string> &words);
std::string ask(TcpClient &client, const std::string &line);

inline constexpr std::string_view no_value = "$-1\r\n";

} // namespace prestack::test
