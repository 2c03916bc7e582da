// SPDX-License-Identifier: GPL-2.0-only
// libmemcached, a client library in wide use, reads and writes over TCP and writes over UDP. It cannot
// read over UDP (it answers NOT SUPPORTED, checked below), so the harness's own client reads there.
#include <libmemcached/memcached.h>

#include "fixture.hpp"

namespace prestack::test
{
namespace
{

struct Free {
	void operator()(memcached_st *client) const { memcached_free(client); }
};
using Client = std::unique_ptr<memcached_st, Free>;

class Libmemcached : public AssociativityTest
{
protected:
	Client connect(bool udp, bool binary = false)
	{
		Client client(memcached_create(nullptr));
		memcached_behavior_set(client.get(), MEMCACHED_BEHAVIOR_USE_UDP, udp ? 1 : 0);
		memcached_behavior_set(client.get(), MEMCACHED_BEHAVIOR_BINARY_PROTOCOL,
				       binary ? 1 : 0);
		EXPECT_EQ(memcached_server_add(client.get(), Testbed::server_v4, memcached_port),
			  MEMCACHED_SUCCESS);
		return client;
	}

	// The library connects when it is first used: all of it happens in the client's namespace.
	template <typename Function>
	auto in_client(Function function)
	{
		return testbed().client_ns().in(function);
	}

	// What the cache in front and memcached behind (read over TCP) have to say about the key.
	void expect_value(const std::string &key, const std::string &value)
	{
		const std::string right = "VALUE " + key + " 0 " + std::to_string(value.size()) +
					  "\r\n" + value + "\r\nEND\r\n";
		TcpClient tcp = testbed().tcp();
		EXPECT_TRUE(eventually([&] { return tcp.ask(get(key)) == right; }))
			<< "the write never arrived";
		EXPECT_EQ(testbed().udp_client().ask(get(key)), right);
	}
	void cache(const std::string &key)
	{
		const std::uint64_t before = testbed().hits();
		EXPECT_TRUE(eventually([&] {
			testbed().udp_client().ask(get(key));
			return testbed().hits() > before;
		}));
	}

	void check_writes(memcached_st *client)
	{
		const std::string key = testbed().key("lib");
		const auto set = [&](auto function, const std::string &value) {
			return in_client([&] {
				return function(client, key.data(), key.size(), value.data(),
						value.size(), 0, 0);
			});
		};
		EXPECT_TRUE(memcached_success(set(memcached_set, "first")));
		expect_value(key, "first");
		cache(key);
		EXPECT_TRUE(memcached_success(set(memcached_set, "second")));
		expect_value(key, "second");
		cache(key);
		EXPECT_TRUE(memcached_success(set(memcached_append, "+")));
		expect_value(key, "second+");
		cache(key);
		EXPECT_TRUE(memcached_success(set(memcached_prepend, "-")));
		expect_value(key, "-second+");
		cache(key);
		EXPECT_TRUE(memcached_success(set(memcached_replace, "5")));
		expect_value(key, "5");
		cache(key);
	}
};

TEST_P(Libmemcached, WritesOverTcp)
{
	const Client client = connect(false);
	check_writes(client.get());
	const std::string key = testbed().key("lib");
	in_client([&] { memcached_set(client.get(), key.data(), key.size(), "5", 1, 0, 0); });
	cache(key);
	std::uint64_t value = 0;
	in_client([&] { memcached_increment(client.get(), key.data(), key.size(), 3, &value); });
	EXPECT_EQ(value, 8U);
	expect_value(key, "8");
	cache(key);
	EXPECT_EQ(in_client([&] {
			  return memcached_delete(client.get(), key.data(), key.size(), 0);
		  }),
		  MEMCACHED_SUCCESS);
	EXPECT_EQ(testbed().udp_client().ask(get(key)), "END\r\n");
}

TEST_P(Libmemcached, WritesOverUdp)
{
	const Client client = connect(true);
	check_writes(client.get());
}

TEST_P(Libmemcached, WritesOverTheBinaryProtocol)
{
	const Client client = connect(false, true);
	check_writes(client.get());
}

TEST_P(Libmemcached, ReadsOverTcpAndNotOverUdp)
{
	const std::string key = testbed().key("lib");
	testbed().store_and_warm(key, "value");
	std::size_t size = 0;
	std::uint32_t flags = 0;
	memcached_return_t outcome = MEMCACHED_FAILURE;
	const auto read = [&](memcached_st *client) {
		return in_client([&] {
			char *value = memcached_get(client, key.data(), key.size(), &size, &flags,
						    &outcome);
			std::string text =
				value != nullptr ? std::string(value, size) : std::string();
			::free(value);
			return text;
		});
	};
	EXPECT_EQ(read(connect(false).get()), "value");
	EXPECT_EQ(read(connect(true).get()), "");
	EXPECT_EQ(outcome, MEMCACHED_NOT_SUPPORTED);
}

INSTANTIATE_TEST_SUITE_P(Memcached, Libmemcached, every_associativity, associativity_name);

} // namespace
} // namespace prestack::test
