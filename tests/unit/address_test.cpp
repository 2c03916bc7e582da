// SPDX-License-Identifier: GPL-2.0-only
// Addresses, prefixes and endpoints are parsed, compared and printed.
#include <gtest/gtest.h>

#include "base/address.hpp"

namespace prestack
{
namespace
{

TEST(Address, V4IsHeldMapped)
{
	const auto v4 = parse_address("10.1.2.3");
	ASSERT_TRUE(v4);
	const std::array<std::uint8_t, 16> mapped{0, 0, 0,    0,    0,	0, 0, 0,
						  0, 0, 0xff, 0xff, 10, 1, 2, 3};
	EXPECT_EQ(v4->bytes, mapped);
	EXPECT_EQ(to_string(*v4), "10.1.2.3");
	EXPECT_FALSE(v4->is_wildcard());
	EXPECT_TRUE(parse_address("0.0.0.0")->is_wildcard());
	EXPECT_TRUE(parse_address("::")->is_wildcard());
	EXPECT_FALSE(parse_address("::1")->is_wildcard());
}

TEST(Address, RefusesOtherForms)
{
	for (const auto text :
	     {"", "10.1.2", "10.1.2.256", "010.1.2.3x", "fd00::g", "localhost", "[::1]"}) {
		EXPECT_FALSE(parse_address(text)) << text;
	}
}

TEST(Prefix, RoundTrips)
{
	for (const auto text : {"10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "192.168.128.0/17",
				"::/0", "fd00::/8", "fd00::1/128", "fe80::/10"}) {
		const auto prefix = parse_prefix(text);
		ASSERT_TRUE(prefix) << text << ": " << prefix.error();
		EXPECT_EQ(to_string(*prefix), text);
	}
	EXPECT_EQ(parse_prefix("10.0.0.0/8")->mapped_length(), 104u);
	EXPECT_EQ(parse_prefix("0.0.0.0/0")->mapped_length(), 96u);
	EXPECT_EQ(parse_prefix("::/0")->mapped_length(), 0u);
}

TEST(Prefix, KnowsWhenItCoversIpv4)
{
	for (const auto text : {"::/0", "::/1", "::/80", "::ffff:0:0/96"}) {
		EXPECT_TRUE(parse_prefix(text)->covers_mapped_ipv4()) << text;
	}
	for (const auto text :
	     {"::/96", "::/81", "2000::/3", "fd00::/8", "0.0.0.0/0", "::ffff:a00:0/104"}) {
		EXPECT_FALSE(parse_prefix(text)->covers_mapped_ipv4()) << text;
	}
}

TEST(Prefix, RefusesHostBits)
{
	for (const auto text : {"10.0.0.1/8", "192.168.129.0/16", "192.168.192.0/17", "0.0.0.1/0",
				"fd00::1/127", "::1/0"}) {
		EXPECT_FALSE(parse_prefix(text)) << text;
	}
	for (const auto text :
	     {"10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8", "/8", "::/129"}) {
		EXPECT_FALSE(parse_prefix(text)) << text;
	}
}

TEST(Endpoint, RoundTrips)
{
	EXPECT_EQ(to_string(*parse_endpoint("10.0.0.1:7000")), "10.0.0.1:7000");
	EXPECT_EQ(to_string(*parse_endpoint("[fd00::1]:1")), "[fd00::1]:1");
	EXPECT_EQ(parse_endpoint("0.0.0.0:65535")->port, 65535);
	for (const auto text : {"", ":", ":7000", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:7000 ",
				"::1:7000", "[]:7000"}) {
		EXPECT_FALSE(parse_endpoint(text)) << text;
	}
}

} // namespace
} // namespace prestack
