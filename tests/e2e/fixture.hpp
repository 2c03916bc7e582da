// SPDX-License-Identifier: GPL-2.0-only
// The fixtures of the end-to-end tests: a test on a testbed with prestack.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "support/testbed.hpp"
#include "support/testbed_pool.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{

using E2eTest = TestbedTest<Testbed>;

// The same at one associativity.
class AssociativityTest : public E2eTest, public testing::WithParamInterface<unsigned>
{
protected:
	Testbed &testbed() { return Testbed::shared({.associativity = GetParam()}); }
};

inline const auto every_associativity = testing::Values(1U, 2U, 4U, 8U, 16U);

inline std::string associativity_name(const testing::TestParamInfo<unsigned> &info)
{
	return "Ways" + std::to_string(info.param);
}

inline std::string get(const std::string &keys)
{
	return "get " + keys + "\r\n";
}

} // namespace prestack::test
