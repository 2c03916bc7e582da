// SPDX-License-Identifier: GPL-2.0-only
#include "memcached_testbed.hpp"

namespace prestack::test
{

namespace
{

TestbedPool<MemcachedTestbed, MemcachedTestbedOptions> &pool()
{
	static TestbedPool<MemcachedTestbed, MemcachedTestbedOptions> testbeds(6);
	return testbeds;
}

[[maybe_unused]] const testing::Environment *const environment =
	testing::AddGlobalTestEnvironment(new PoolEnvironment<MemcachedTestbed>);

} // namespace

MemcachedTestbed::MemcachedTestbed(const MemcachedTestbedOptions &options)
	: CoherenceTestbed(
		  {.ipv6 = options.ipv6,
		   .vlan_depth = options.vlan_depth,
		   .port = memcached_port,
		   .start_server =
			   [&](const Netns &ns, const std::vector<std::string> &addresses) {
				   return std::make_unique<Memcached>(
					   ns, MemcachedOptions{.addresses = addresses,
								.extra = options.memcached});
			   },
		   .prestack = {.settle = options.settle}}),
	  store_client_(tcp()), direct_client_(direct()), udp_client_(udp())
{
}

MemcachedTestbed &MemcachedTestbed::shared(const MemcachedTestbedOptions &options)
{
	return pool().get(options);
}

void MemcachedTestbed::discard_all()
{
	pool().clear();
}

std::string MemcachedTestbed::why_not()
{
	return why_no_prestack();
}

void MemcachedTestbed::reconnect()
{
	store_client_ = tcp();
	direct_client_ = direct();
}

void MemcachedTestbed::store(std::string_view key, std::string_view value, long expiry)
{
	const std::string command = test::store(key, value, 0, "set", expiry);
	EXPECT_EQ(store_client_.ask(command), "STORED\r\n") << printable(command);
}

CoherenceTestbed::Answer MemcachedTestbed::read(std::string_view key)
{
	const std::uint64_t before = count(PS_COUNT_hits);
	std::string bytes = udp_client_.ask(get_line(key));
	return {std::move(bytes), count(PS_COUNT_hits) != before};
}

std::string MemcachedTestbed::truth_of(std::string_view verb, std::string_view key)
{
	return direct_client_.ask(std::string(verb) + " " + std::string(key) + "\r\n");
}

std::string MemcachedTestbed::unique(std::string_view key)
{
	// "VALUE <key> <flags> <bytes> <cas unique>\r\n..."
	const std::string reply = truth_of("gets", key);
	const auto line_end = reply.find("\r\n");
	const auto blank = reply.rfind(' ', line_end);
	return reply.substr(blank + 1, line_end - blank - 1);
}

bool MemcachedTestbed::is_cacheable(const std::string &answer) const
{
	return answer != no_item;
}

std::string value_reply(std::string_view key, std::string_view value)
{
	std::string text = "VALUE ";
	text.append(key).append(" 0 ").append(std::to_string(value.size())).append("\r\n");
	return text.append(value).append("\r\n").append(no_item);
}

} // namespace prestack::test
