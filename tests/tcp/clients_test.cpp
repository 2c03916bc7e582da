// SPDX-License-Identifier: GPL-2.0-only
// Clients in wide use, unchanged, see the same behind prestack as with memcached alone, and the kernel
// has answered many of their reads.
#include <libmemcached/memcached.h>

#include <cstdlib>
#include <filesystem>

#include "real_client.hpp"

namespace prestack::test
{
namespace
{

TEST_F(RealClient, Pymemcache)
{
	const char *python = "/usr/bin/python3"; // Debian's, which has Debian's packages
	if (!std::filesystem::exists(python) ||
	    run({.argv = {python, "-c", "import pymemcache"}}).exit_code != 0)
		GTEST_SKIP() << "no pymemcache (package python3-pymemcache)";
	compare({python, script("pymemcache_client.py"), "{host}", "{port}"});
	expect_many_hits();
}

TEST_F(RealClient, NodesMemcachedAndMemjs)
{
	if (!std::filesystem::exists(PRESTACK_NODE_CLIENTS "/node_modules/memcached"))
		GTEST_SKIP() << "no npm packages: tests/tcp/clients/install "
			     << PRESTACK_NODE_CLIENTS << " did not run, or could not";
	compare({"node", script("node_client.js"), "{host}", "{port}"});
	expect_many_hits();
}

TEST_F(RealClient, ToolsOfLibmemcached)
{
	if (run({.argv = {"which", "memccat"}}).exit_code != 0)
		GTEST_SKIP() << "no memccat (package libmemcached-tools)";
	const TempDir directory;
	const std::string servers = "--servers={host}:{port}";
	const std::string text = directory.write("tool-text", "a text\n");
	const std::string binary =
		directory.write("tool-binary", std::string("\0\xff\r\nEND\r\n", 9));
	compare({"sh", "-c", "memccp " + servers + " " + text + " " + binary + " && echo stored"});
	std::string cat = "memccat " + servers;
	for (int i = 0; i < 50; ++i)
		cat += " tool-text tool-binary";
	// More than once: what is asked for meanwhile may not be answered the first time.
	for (int i = 0; i < 5; ++i)
		compare({"sh", "-c", cat});
	compare({"sh", "-c", "memcexist " + servers + " tool-text; echo $?"});
	compare({"sh", "-c", "memctouch " + servers + " --expire=1000 tool-text; echo $?"});
	compare({"sh", "-c", "memcrm " + servers + " tool-text; echo $?"});
	compare({"sh", "-c", "memcexist " + servers + " tool-text; echo $?"});
	compare({"sh", "-c", "memccat " + servers + " tool-text; echo $?"});
	expect_many_hits();
}

// memcached's own one: what it prints is not the same on two servers, but it has to be there.
TEST_F(RealClient, MemcachedTool)
{
	const std::string tool = "/usr/share/memcached/scripts/memcached-tool";
	if (!std::filesystem::exists(tool))
		GTEST_SKIP() << "no " << tool;
	const std::string server =
		std::string(TcpTestbed::server_address) + ":" + std::to_string(testbed_.port());
	const auto ask = [&](const std::string &what) {
		return run_ok({.argv = {tool, server, what}, .netns_fd = testbed_.client_ns().fd()})
			.output;
	};
	EXPECT_NE(ask("stats").find("cmd_get"), std::string::npos);
	EXPECT_NE(ask("dump").find("add shared-0 0 "), std::string::npos);
}

// All that libmemcached makes of a session, as text.
std::string libmemcached_session(const char *host, std::uint16_t port, bool binary)
{
	const std::unique_ptr<memcached_st, decltype(&memcached_free)> client(
		memcached_create(nullptr), memcached_free);
	memcached_behavior_set(client.get(), MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, binary ? 1 : 0);
	memcached_server_add(client.get(), host, port);
	std::string told;
	const auto tell = [&](memcached_return_t outcome) {
		told += std::string(memcached_strerror(client.get(), outcome)) + "\n";
	};
	const auto get = [&](const std::string &key) {
		std::size_t size = 0;
		std::uint32_t flags = 0;
		memcached_return_t outcome = MEMCACHED_FAILURE;
		char *value = memcached_get(client.get(), key.data(), key.size(), &size, &flags,
					    &outcome);
		if (value != nullptr)
			told += std::string(value, size) + " " + std::to_string(flags) + " ";
		std::free(value);
		tell(outcome);
	};
	const auto set = [&](const std::string &key, const std::string &value) {
		tell(memcached_set(client.get(), key.data(), key.size(), value.data(), value.size(),
				   0, 77));
	};
	const std::vector<std::string> keys{"lib-0", "lib-1", "lib-absent", "lib-2"};
	set(keys[0], "text");
	set(keys[1], std::string("\0\r\nEND\r\n\xff", 9));
	set(keys[3], std::string(1'000, 'x'));
	for (int round = 0; round < 60; ++round) {
		for (const std::string &key : keys)
			get(key);
		std::vector<const char *> names;
		std::vector<std::size_t> sizes;
		for (const std::string &key : keys) {
			names.push_back(key.data());
			sizes.push_back(key.size());
		}
		tell(memcached_mget(client.get(), names.data(), sizes.data(), keys.size()));
		memcached_return_t outcome = MEMCACHED_SUCCESS;
		while (memcached_result_st *result =
			       memcached_fetch_result(client.get(), nullptr, &outcome)) {
			told += std::string(memcached_result_key_value(result),
					    memcached_result_key_length(result)) +
				" " +
				std::string(memcached_result_value(result),
					    memcached_result_length(result)) +
				"\n";
			memcached_result_free(result);
		}
	}
	tell(memcached_append(client.get(), keys[0].data(), keys[0].size(), "+", 1, 0, 0));
	get(keys[0]);
	tell(memcached_delete(client.get(), keys[0].data(), keys[0].size(), 0));
	get(keys[0]);
	return told;
}

TEST_F(RealClient, Libmemcached)
{
	for (const bool binary : {false, true}) {
		const std::string with = testbed_.client_ns().in([&] {
			return libmemcached_session(TcpTestbed::server_address, testbed_.port(),
						    binary);
		});
		const std::string alone = testbed_.reference_ns().in([&] {
			return libmemcached_session(TcpTestbed::reference_address, testbed_.port(),
						    binary);
		});
		EXPECT_EQ(with, alone);
		EXPECT_NE(with.find("text 77 SUCCESS"), std::string::npos);
	}
	expect_many_hits();
}

} // namespace
} // namespace prestack::test
