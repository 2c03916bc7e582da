// SPDX-License-Identifier: GPL-2.0-only
// Once per test program: clean up what a killed run left, and the shared beds at the end.
#include <gtest/gtest.h>

#include "support/bed.hpp"

namespace prestack::test
{
namespace
{

class Environment : public testing::Environment
{
	void SetUp() override { Netns::remove_leftovers(); }
	void TearDown() override { Bed::discard_all(); }
};

[[maybe_unused]] const testing::Environment *const environment =
	testing::AddGlobalTestEnvironment(new Environment);

} // namespace
} // namespace prestack::test
