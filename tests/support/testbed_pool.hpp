// SPDX-License-Identifier: GPL-2.0-only
// What every kind of testbed shares, whatever is in it: a pool that keeps testbeds for later tests, and
// the fixture of the tests that use it.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "netns.hpp"

namespace prestack::test
{

// Testbeds, each kept for later tests that ask for the same options: making one takes longer than most
// tests. A test that ends or restarts a part of its testbed makes one of its own.
template <typename Testbed, typename Options>
class TestbedPool
{
public:
	// Keeps at most so many; the least recently used goes first.
	explicit TestbedPool(std::size_t most) : most_(most) {}

	Testbed &get(const Options &options)
	{
		for (auto each = testbeds_.begin(); each != testbeds_.end(); ++each) {
			if (each->first == options) {
				testbeds_.splice(testbeds_.begin(), testbeds_, each);
				return *testbeds_.front().second;
			}
		}
		while (testbeds_.size() >= most_)
			testbeds_.pop_back();
		testbeds_.emplace_front(options, std::make_unique<Testbed>(options));
		return *testbeds_.front().second;
	}
	void clear() { testbeds_.clear(); }

private:
	const std::size_t most_;
	std::list<std::pair<Options, std::unique_ptr<Testbed>>> testbeds_;
};

// Once per test program: removes what a killed run left, and discards the pool while a failure in a
// testbed's destructor still counts. To be registered where the testbed is defined.
template <typename Testbed>
class PoolEnvironment : public testing::Environment
{
	void SetUp() override { Netns::remove_leftovers(); }
	void TearDown() override { Testbed::discard_all(); }
};

// The fixture of tests with a testbed of this kind. Skips where there is nothing to test, and discards the
// pool when a test failed, so that a testbed that the test broke does not fail later tests too.
template <typename Testbed>
class TestbedTest : public testing::Test
{
protected:
	void SetUp() override
	{
		static const std::string why_not = Testbed::why_not();
		if (!why_not.empty())
			GTEST_SKIP() << why_not;
	}
	void TearDown() override
	{
		if (HasFailure())
			Testbed::discard_all();
	}
};

} // namespace prestack::test
