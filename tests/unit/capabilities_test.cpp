// SPDX-License-Identifier: GPL-2.0-only
// The message names the capability that is missing.
#include <gtest/gtest.h>
#include <linux/capability.h>

#include "base/capabilities.hpp"

namespace prestack
{
namespace
{

std::uint64_t all_but(unsigned capability)
{
	return ~(std::uint64_t{1} << capability);
}

TEST(Capabilities, TheMissingOneIsNamed)
{
	EXPECT_TRUE(check_capabilities(~std::uint64_t{0}));
	EXPECT_TRUE(check_capabilities(all_but(CAP_SYS_ADMIN)));
	for (const auto &[number, name] : {std::pair(CAP_BPF, "lacks CAP_BPF ("),
					   {CAP_NET_ADMIN, "lacks CAP_NET_ADMIN ("},
					   {CAP_PERFMON, "lacks CAP_PERFMON ("}}) {
		const auto checked = check_capabilities(all_but(number));
		ASSERT_FALSE(checked);
		EXPECT_NE(to_string(checked.error()).find(name), std::string::npos)
			<< to_string(checked.error());
	}
	EXPECT_FALSE(can_see_processes(all_but(CAP_SYS_PTRACE)));
}

} // namespace
} // namespace prestack
