// SPDX-License-Identifier: GPL-2.0-only
// Registers the pool of testbeds of this suite.
#include <gtest/gtest.h>

#include "support/testbed.hpp"
#include "support/testbed_pool.hpp"

namespace prestack::test
{
namespace
{

[[maybe_unused]] const testing::Environment *const environment =
	testing::AddGlobalTestEnvironment(new PoolEnvironment<Testbed>);

} // namespace
} // namespace prestack::test
