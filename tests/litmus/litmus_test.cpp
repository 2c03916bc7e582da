// SPDX-License-Identifier: GPL-2.0-only
// Real concurrent runs: memcached with four threads behind prestack, clients that read and write a
// few hot keys in every way, and the judge.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>

#include "load.hpp"
#include "support/memcached.hpp"
#include "support/prestack.hpp"
#include "support/veth.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint64_t enough_operations = 200'000;
constexpr std::chrono::seconds at_least{6};
constexpr std::chrono::seconds at_most{25}; // for enough_operations, on a loaded machine

struct Interval {
	std::int64_t start;
	std::int64_t end;
};

class Scene
{
public:
	Scene(Milliseconds settle, const LoadOptions &load, const std::string &binary = "")
		: settle_(settle), server_("server"), client_("client"),
		  link_(with_addresses(VethPair(server_, client_, {}))),
		  memcached_(server_, {.addresses = {"10.0.0.1"}, .extra = {"-t", "4"}}),
		  prestack_(server_, {.xdp_mode = "native",
				      .settle = std::to_string(settle.count()) + "ms",
				      .binary = binary}),
		  load_(client_, Endpoint("10.0.0.1", 11211), load)
	{
	}

	// Calls `disturb` again and again until there is enough to judge.
	void run(const std::function<void()> &disturb)
	{
		const auto begin = Clock::now();
		for (;;) {
			const auto passed = Clock::now() - begin;
			if (passed > at_most ||
			    (passed > at_least && load_.operations() >= enough_operations))
				break;
			disturb();
		}
	}

	// Ends the load and judges it. Nothing is asked of reads that began in an interval of `but`.
	std::vector<Violation> judge(const std::string &name, const std::vector<Interval> &but = {})
	{
		auto history = load_.stop();
		count_hits();
		const auto reads = static_cast<std::uint64_t>(
			std::ranges::count(history, OperationKind::read, &Operation::kind));
		const auto slow = std::ranges::count_if(history, [this](const Operation &each) {
			return each.kind == OperationKind::write &&
			       (each.end == never || each.end - each.start > nanoseconds());
		});
		const std::size_t all = test::judge(history).size();
		const std::size_t before = history.size();
		std::erase_if(history, [&](const Operation &each) {
			return each.kind == OperationKind::read &&
			       std::ranges::any_of(but, [&](const Interval &interval) {
				       return each.start >= interval.start &&
					      each.start <= interval.end;
			       });
		});
		auto violations = test::judge(history, settle_);
		std::cout << "LITMUS " << name << ": operations " << before << ", reads " << reads
			  << ", hits " << hits_ << " ("
			  << 100 * hits_ / std::max(requests_, std::uint64_t{1}) << " % of "
			  << requests_ << " requests), writes " << before - reads << " of which "
			  << slow << " slower than settle, fills " << fills_ << ", invalidations "
			  << invalidations_ << "; not judged " << before - history.size()
			  << "; violations " << violations.size() << ", with what settle excuses "
			  << all << std::endl;
		for (std::size_t i = 0; i < std::min<std::size_t>(violations.size(), 5); ++i)
			std::cout << "  " << describe(violations[i]) << std::endl;
		operations_ = before;
		return violations;
	}

	// The counters of a run of prestack are gone when it is: call before it ends.
	void count_hits()
	{
		const nlohmann::json counters = prestack_.stats().at("services").at(0);
		hits_ += counters.at("hits").get<std::uint64_t>();
		requests_ += counters.at("requests").get<std::uint64_t>();
		fills_ += counters.at("fills").get<std::uint64_t>();
		invalidations_ += counters.at("invalidations").get<std::uint64_t>();
	}

	Memcached &memcached() { return memcached_; }
	Prestack &prestack() { return prestack_; }
	Load &load() { return load_; }
	std::uint64_t hits() const { return hits_; }
	std::uint64_t operations() const { return operations_; }

private:
	static VethPair with_addresses(VethPair link)
	{
		link.server_address("10.0.0.1/24");
		link.client_address("10.0.0.2/24");
		return link;
	}
	std::int64_t nanoseconds() const { return std::chrono::nanoseconds(settle_).count(); }

	Milliseconds settle_;
	Netns server_;
	Netns client_;
	VethPair link_;
	Memcached memcached_;
	Prestack prestack_;
	Load load_;
	std::uint64_t hits_ = 0;
	std::uint64_t requests_ = 0;
	std::uint64_t fills_ = 0;
	std::uint64_t invalidations_ = 0;
	std::uint64_t operations_ = 0;
};

class Litmus : public testing::Test
{
protected:
	static void SetUpTestSuite() { Netns::remove_leftovers(); }
	void SetUp() override
	{
		if (!prestack_binary())
			GTEST_SKIP() << "no prestack binary: set PRESTACK_BIN";
	}

	static void pause(Milliseconds time = Milliseconds{50})
	{
		std::this_thread::sleep_for(time);
	}

	static void expect_coherent(Scene &scene, const std::string &name,
				    const std::vector<Interval> &but = {})
	{
		EXPECT_TRUE(scene.judge(name, but).empty()) << "see LITMUS " << name;
		EXPECT_GE(scene.operations(), enough_operations);
		EXPECT_GT(scene.hits(), 1'000U) << "little was tested";
	}
};

// Long enough for many hits between the writes of a key.
constexpr LoadOptions relaxed{.write_interval = std::chrono::milliseconds{300}};
constexpr LoadOptions brisk{.write_interval = std::chrono::milliseconds{60}};
// As many fills that meet a write as possible.
constexpr LoadOptions furious{.write_interval = std::chrono::milliseconds{12}};
constexpr Milliseconds settle_default{100};
constexpr Milliseconds settle_short{5};

TEST_F(Litmus, SettleOfTheDefaultLength)
{
	Scene scene(settle_default, relaxed);
	scene.run([] { pause(); });
	expect_coherent(scene, "default settle");
}

TEST_F(Litmus, ShortSettle)
{
	Scene scene(settle_short, brisk);
	scene.run([] { pause(); });
	expect_coherent(scene, "short settle");
}

TEST_F(Litmus, FlushedAllTheTime)
{
	Scene scene(settle_short, brisk);
	scene.run([&] {
		pause(Milliseconds{100});
		scene.prestack().flush();
	});
	expect_coherent(scene, "flush");
}

// While it is gone, and until a new one is attached, nobody sees the writes.
TEST_F(Litmus, PrestackKilledAndStartedAgain)
{
	Scene scene(settle_default, relaxed);
	unsigned kills = 0;
	scene.run([&] {
		pause(Milliseconds{2'000});
		if (++kills > 2)
			return;
		scene.count_hits();
		scene.prestack().kill9();
		pause(Milliseconds{300});
		scene.prestack().start();
	});
	EXPECT_GE(kills, 2U);
	expect_coherent(scene, "kill");
}

// Writes that the server had received, but not carried out, when prestack attached: nobody saw them
// arrive. They take less than `settle`, so no older value may be kept.
TEST_F(Litmus, WritesUnderWayWhenPrestackStarts)
{
	Scene scene(Milliseconds{1'000}, {.write_interval = std::chrono::milliseconds{800}});
	for (int round = 0; round < 5; ++round) {
		scene.count_hits();
		scene.prestack().kill9();
		scene.memcached().pause();
		pause(Milliseconds{300}); // until writers wait for an answer
		scene.prestack().start();
		scene.memcached().resume();
		pause(Milliseconds{1'500}); // past settle
	}
	EXPECT_TRUE(scene.judge("start").empty());
	EXPECT_GT(scene.hits(), 0U);
}

// Between the end of a server and the moment when prestack notices (docs/limitations.md) its items
// are still served; reads of that time are not judged. Later ones are: nothing that the old process
// said may be seen then.
TEST_F(Litmus, MemcachedKilledAndStartedAgain)
{
	Scene scene(settle_default, relaxed);
	std::vector<Interval> unnoticed;
	scene.run([&] {
		pause(Milliseconds{2'000});
		if (unnoticed.size() == 2)
			return;
		const std::int64_t killed = now_ns();
		scene.memcached().restart();
		pause(Milliseconds{2'000}); // sockets are looked at each second
		unnoticed.push_back({killed, now_ns()});
		scene.load().server_lost_all(killed, unnoticed.back().end);
	});
	EXPECT_EQ(unnoticed.size(), 2U);
	expect_coherent(scene, "memcached restart", unnoticed);
}

// The same load on the right build and on one that does not compare generations: what the judge
// finds in the second is that defect, and nothing else.
TEST_F(Litmus, ManyWrites)
{
	Scene scene(settle_short, furious);
	scene.run([] { pause(); });
	expect_coherent(scene, "many writes");
}

#ifdef PRESTACK_BROKEN_BINARY
TEST_F(Litmus, FindsTheMissingGenerationCheck)
{
	std::size_t found = 0;
	for (int attempt = 0; attempt < 3 && found == 0; ++attempt) {
		Scene scene(settle_short, furious, PRESTACK_BROKEN_BINARY);
		scene.run([] { pause(); });
		found = scene.judge("broken build").size();
	}
	EXPECT_GT(found, 0U) << "the litmus is blind";
}
#endif

} // namespace
} // namespace prestack::test
