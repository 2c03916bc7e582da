// SPDX-License-Identifier: GPL-2.0-only
// What the end-to-end tests share: a test on a bed with prestack.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "support/bed.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{

// Skips where there is no binary to test, and drops the shared beds when a test failed, so that
// it cannot take later ones with it.
class BedTest : public testing::Test
{
protected:
	void SetUp() override
	{
		if (!prestack_binary())
			GTEST_SKIP() << "no prestack binary: set PRESTACK_BIN";
	}
	void TearDown() override
	{
		if (HasFailure())
			Bed::discard_all();
	}
};

// The same at one associativity.
class AssociativityTest : public BedTest, public testing::WithParamInterface<unsigned>
{
protected:
	Bed &bed() { return Bed::shared({.associativity = GetParam()}); }
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
