// SPDX-License-Identifier: GPL-2.0-only
// Random operations against a model: what the kernel answers is what the server's memory holds at that
// moment, however late, often and in whatever order the server's replies leave.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <unordered_map>

#include "fixture.hpp"

namespace prestack::test
{

namespace
{

struct World {
	unsigned ways;
	unsigned sets;
	unsigned keys;
	unsigned seed;
};

class Model : public ProgTest, public testing::WithParamInterface<World>
{
protected:
	static constexpr int kOperations = 30000;

	Model()
		: ProgTest({.ways = GetParam().ways,
			    .sets = GetParam().sets,
			    .large_sets = GetParam().sets / 4,
			    .fences = 16}),
		  random_(GetParam().seed)
	{
		for (unsigned i = 0; i < GetParam().keys; ++i) {
			// Keys of all lengths, many of them prefixes of others.
			std::string key = std::to_string(i % 7);
			key.resize(1 + i % PS_MAX_KEY, static_cast<char>('a' + i % 3));
			keys_.push_back(key + (i < PS_MAX_KEY ? "" : std::to_string(i)));
			keys_.back().resize(std::min<std::size_t>(keys_.back().size(), PS_MAX_KEY));
		}
	}

	unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
	const std::string &some_key()
	{
		// Some keys much more often than others.
		const unsigned some = below(4) ? 1 + below(8) : static_cast<unsigned>(keys_.size());
		return keys_[below(some)];
	}
	std::string some_value()
	{
		static constexpr unsigned kLimits[] = {1, 10, 90, 300, 1100};
		return some_bytes(below(kLimits[below(5)]), below(1000));
	}

	void get()
	{
		const std::string &key = some_key();
		// A client that uses a number again while an old reply is under way is protected by
		// the settle time only, which is 0 here.
		const unsigned id = next_id_++;
		request_.source_port = static_cast<std::uint16_t>(40000 + below(2));
		const std::string reply = ask(key, id);
		if (!reply.empty()) {
			++hits_;
			ASSERT_TRUE(memory_.contains(key));
			ASSERT_EQ(reply, toy_value(key, memory_[key], id));
		} else if (memory_.contains(key)) {
			late_.push_back(request_.reply(toy_value(key, memory_[key], id)).bytes());
		}
	}
	void set()
	{
		const std::string &key = some_key();
		const std::string value = some_value();
		ASSERT_EQ(send(toy_set(key, value)).verdict, kPass);
		memory_[key] = value;
	}
	// All items go, with a request that is not understood or by the loader's hand.
	void flush()
	{
		if (below(2) == 0) {
			send("drop everything\n");
		} else {
			datapath_.bump_epoch();
		}
		memory_.clear();
	}
	// A reply that was sent before leaves the host now, or once more.
	void leave()
	{
		if (late_.empty())
			return;
		const std::size_t at = below(static_cast<unsigned>(late_.size()));
		datapath_.egress(late_[at]);
		if (below(4))
			late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(at));
		if (late_.size() > 20)
			late_.pop_front();
	}

	std::mt19937 random_;
	std::vector<std::string> keys_;
	std::unordered_map<std::string, std::string> memory_;
	std::deque<std::string> late_;
	unsigned next_id_ = 0;
	unsigned hits_ = 0;
};

TEST_P(Model, AnswersAreTheServers)
{
	prove_path();
	for (int i = 0; i < kOperations; ++i) {
		SCOPED_TRACE("operation " + std::to_string(i));
		const unsigned dice = below(1000);
		if (dice < 550)
			get();
		else if (dice < 620)
			set();
		else if (dice < 998)
			leave();
		else
			flush();
		if (HasFatalFailure() || HasNonfatalFailure())
			return;
		if (dice >= 998)
			prove_path();
	}
	const Counts counts = datapath_.counts();
	EXPECT_GT(hits_, kOperations / 20u);
	EXPECT_EQ(counts[PS_COUNT_hits], hits_);
	EXPECT_GT(counts[PS_COUNT_fills], 100u);
	EXPECT_GT(counts[PS_COUNT_nofill_lease], 100u);
	EXPECT_GT(counts[PS_COUNT_invalidations], 100u);
	RecordProperty("hits", static_cast<int>(hits_));
}

INSTANTIATE_TEST_SUITE_P(Worlds, Model,
			 testing::Values(World{1, 16, 300, 1}, World{2, 16, 300, 2},
					 World{4, 16, 300, 3}, World{8, 16, 600, 4},
					 World{16, 16, 900, 5}, World{4, 1024, 20, 6},
					 World{1, 64, 40, 7}),
			 [](const auto &info) {
				 return "Ways" + std::to_string(info.param.ways) + "Sets" +
					std::to_string(info.param.sets) + "Keys" +
					std::to_string(info.param.keys);
			 });

} // namespace

} // namespace prestack::test
