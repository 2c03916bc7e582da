// SPDX-License-Identifier: GPL-2.0-only
// A plug-in that was compiled for another version of the contract is refused, with words that tell why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bpf/libbpf.h>
#include <prestack/contract.h>
#include <prestack/types.h>

#include <cstring>
#include <memory>
#include <string>

#include "dispatch.skel.h"
#include "loader/kernel/contract.hpp"
#include "loader/kernel/kernel_config.hpp"
#include "loader/kernel/objects.hpp"
#include "toy.skel.h"

namespace prestack::test
{

namespace
{

using testing::HasSubstr;

TEST(Contract, OfThisBuildIsAccepted)
{
	const std::unique_ptr<toy_bpf, decltype(&toy_bpf__destroy)> toy(toy_bpf__open(),
									toy_bpf__destroy);
	ASSERT_TRUE(toy);
	EXPECT_TRUE(check_contract(toy->obj));
}

TEST(Contract, OfAnotherVersionIsRefused)
{
	const std::unique_ptr<toy_bpf, decltype(&toy_bpf__destroy)> toy(toy_bpf__open(),
									toy_bpf__destroy);
	ASSERT_TRUE(toy);
	const __u32 other = PS_CONTRACT_VERSION + 1;
	std::memcpy(const_cast<__u32 *>(&toy->rodata->ps_contract_version), &other, sizeof(other));
	const auto checked = check_contract(toy->obj);
	ASSERT_FALSE(checked);
	EXPECT_THAT(to_string(checked.error()),
		    HasSubstr("was compiled for version " + std::to_string(other)));
}

// Any object that does not include plugin.bpf.h, as the core's own.
TEST(Contract, ObjectWithoutAVersionIsNotLoaded)
{
	PluginInfo stranger{"stranger", "", false, dispatch_bpf__elf_bytes};
	const CacheConfig cache;
	const Geometry geometry = plan_geometry(cache).value();
	const ps_config config = make_kernel_config({cache, geometry, {}, {}, false});
	const auto objects = Objects::load(config, geometry, {&stranger});
	ASSERT_FALSE(objects);
	EXPECT_THAT(to_string(objects.error()), HasSubstr("plug-in stranger"));
	EXPECT_THAT(to_string(objects.error()), HasSubstr("version of the contract"));
}

} // namespace

} // namespace prestack::test
