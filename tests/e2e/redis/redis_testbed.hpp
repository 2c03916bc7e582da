// SPDX-License-Identifier: GPL-2.0-only
// The testbed of this folder: a coherence testbed with Redis, and a second Redis with the same options
// and without prestack.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/coherence_testbed.hpp"
#include "support/hiredis_client.hpp"
#include "support/redis.hpp"
#include "support/resp.hpp"
#include "support/testbed_pool.hpp"

namespace prestack::test
{

struct RedisTestbedOptions {
	std::string settle = "3ms";
	bool ipv6 = false; // what the clients use
	std::vector<std::string> redis{}; // more command line arguments
	std::vector<std::string>
		credentials{}; // of the testbed's own connections: the words after AUTH

	auto operator<=>(const RedisTestbedOptions &) const = default;
};

class RedisTestbed : public CoherenceTestbed
{
public:
	explicit RedisTestbed(const RedisTestbedOptions &options = {});

	// One with these options, kept for later tests.
	static RedisTestbed &shared(const RedisTestbedOptions &options = {});
	static void discard_all();
	// Why there is nothing to test; empty: there is.
	static std::string why_not();

	HiredisClient hiredis() const { return HiredisClient(client_ns(), address(), redis_port); }
	// To the same Redis, not through prestack.
	TcpClient direct() const
	{
		return TcpClient(server_ns(), Endpoint("127.0.0.1", redis_port));
	}
	// To the Redis without prestack.
	TcpClient alone() const { return TcpClient(alone_ns_, Endpoint("127.0.0.1", redis_port)); }

	// Sets it through prestack.
	void store(const std::string &key, const std::string &value);
	// Any command through prestack, on the connection that store() uses.
	std::string write(const std::vector<std::string> &words);
	// GET, through prestack.
	Answer read(std::string_view key) override;
	std::string truth(std::string_view key) override
	{
		return ask_directly({"GET", std::string(key)});
	}
	// What Redis alone answers.
	std::string ask_directly(const std::vector<std::string> &words);
	// The value of a bulk string that it answers.
	std::string value(const std::vector<std::string> &words);
	// Stores and caches.
	std::string cached_key(const std::string &value = "old-value");
	// The same, with the same item in the Redis without prestack.
	std::string cached_key_in_both(const std::string &value = "old-value");
	// Any command, to both.
	void write_both(const std::vector<std::string> &words);
	// After a restart of Redis all connections are others.
	void reconnect();

	Redis &redis() { return dynamic_cast<Redis &>(server_process()); }
	std::string address() const { return options_.ipv6 ? server_v6 : server_v4; }

private:
	bool is_cacheable(const std::string &answer) const override;
	TcpClient authenticated(TcpClient client) const;

	RedisTestbedOptions options_;
	Netns alone_ns_;
	Redis alone_;
	TcpClient store_client_;
	TcpClient reader_;
	TcpClient direct_client_;
	TcpClient alone_client_;
};

using RedisTest = TestbedTest<RedisTestbed>;

// One command, one reply, with bytes that can be printed.
std::string ask(TcpClient &client, const std::vector<std::string> &words);
std::string ask(TcpClient &client, const std::string &line);

inline constexpr std::string_view no_value = "$-1\r\n";

} // namespace prestack::test
