// SPDX-License-Identifier: GPL-2.0-only
// A service of the configuration becomes the record that the kernel reads.
#include <cstring>

#include <gtest/gtest.h>

#include "kernel/service_maps.hpp"
#include "report/counters.hpp"

namespace prestack
{
namespace
{

// As the kernel matches: (address & mask) == addr, in both words.
bool matches(const ps_prefix &prefix, std::string_view text)
{
	const auto address = *parse_address(text);
	std::uint64_t words[2];
	std::memcpy(words, address.bytes.data(), sizeof words);
	return (words[0] & prefix.mask[0]) == prefix.addr[0] &&
	       (words[1] & prefix.mask[1]) == prefix.addr[1];
}

ps_service_conf allowing(std::initializer_list<std::string_view> prefixes)
{
	ServiceConfig service;
	service.udp = true;
	for (const auto text : prefixes) {
		service.allow.push_back(*parse_prefix(text));
	}
	return describe_service(service);
}

TEST(DescribeService, Flags)
{
	ServiceConfig service;
	EXPECT_EQ(describe_service(service).flags, 0u);
	service.udp = true;
	EXPECT_EQ(describe_service(service).flags, static_cast<std::uint32_t>(PS_SERVICE_UDP));
	service.tcp = true;
	const auto conf = describe_service(service);
	EXPECT_EQ(conf.flags, static_cast<std::uint32_t>(PS_SERVICE_UDP | PS_SERVICE_TCP));
	EXPECT_EQ(conf.mtu, static_cast<std::uint32_t>(PS_MAX_MTU));
}

TEST(DescribeService, PrefixesMatchWhatTheyShould)
{
	const auto conf = allowing({"10.0.0.0/8", "192.168.128.0/17", "fd00::/8", "10.1.2.3/32",
				    "fe80::1/128", "0.0.0.0/0"});
	ASSERT_EQ(conf.nr_allow, 6);
	EXPECT_TRUE(matches(conf.allow[0], "10.255.0.1"));
	EXPECT_FALSE(matches(conf.allow[0], "11.0.0.1"));
	EXPECT_FALSE(matches(conf.allow[0], "a00::1"));
	EXPECT_TRUE(matches(conf.allow[1], "192.168.128.1"));
	EXPECT_TRUE(matches(conf.allow[1], "192.168.255.255"));
	EXPECT_FALSE(matches(conf.allow[1], "192.168.127.255"));
	EXPECT_TRUE(matches(conf.allow[2], "fdff::1"));
	EXPECT_FALSE(matches(conf.allow[2], "fe80::1"));
	EXPECT_FALSE(matches(conf.allow[2], "10.0.0.1"));
	EXPECT_TRUE(matches(conf.allow[3], "10.1.2.3"));
	EXPECT_FALSE(matches(conf.allow[3], "10.1.2.2"));
	EXPECT_TRUE(matches(conf.allow[4], "fe80::1"));
	EXPECT_FALSE(matches(conf.allow[4], "fe80::2"));
	// All of IPv4 is not all of IPv6.
	EXPECT_TRUE(matches(conf.allow[5], "1.2.3.4"));
	EXPECT_FALSE(matches(conf.allow[5], "2001::1"));
}

TEST(Counters, FollowTheTableInTypes)
{
	EXPECT_EQ(counters[PS_COUNT_requests].name, "requests");
	EXPECT_EQ(counters[PS_COUNT_requests].group, CounterGroup::total);
	EXPECT_EQ(counters[PS_COUNT_fragment].name, "fragment");
	EXPECT_EQ(counters[PS_COUNT_fragment].group, CounterGroup::pass);
	EXPECT_EQ(counters[PS_COUNT_reply_lost].group, CounterGroup::drop);
	EXPECT_EQ(counters[PS_COUNT_nofill_size].group, CounterGroup::no_fill);
	for (const auto &counter : counters) {
		EXPECT_FALSE(counter.name.empty());
		EXPECT_FALSE(counter.text.empty());
	}
}

} // namespace
} // namespace prestack
