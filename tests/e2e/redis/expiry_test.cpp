// SPDX-License-Identifier: GPL-2.0-only
// Keys that live for milliseconds are never served after their time.
#include <thread>

#include "compared_client.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

// Redis rounds down to its milliseconds, and takes the time when a command begins.
constexpr Milliseconds coarse{2};

class Expiry : public RedisTest
{
protected:
	static RedisTestbed &testbed() { return RedisTestbed::shared(); }

	// Reads from the moment on at which the command was answered, after which the key lives for
	// `life` at most, until it is gone. Returns how often the kernel has answered.
	unsigned live_through(const std::string &key, const std::vector<std::string> &command,
			      Milliseconds life)
	{
		EXPECT_NE(testbed().write(command).front(), '-') << command.front();
		const auto over = Clock::now() + life + coarse;
		unsigned hits = 0;
		for (const auto deadline = over + default_patience; Clock::now() < deadline;) {
			const auto sent = Clock::now();
			const RedisTestbed::Answer answer = testbed().read(key);
			hits += answer.hit ? 1 : 0;
			if (answer.bytes == no_value)
				return hits;
			if (sent > over) {
				ADD_FAILURE()
					<< "served after its time by "
					<< (answer.hit ? "the kernel" : "Redis") << ": "
					<< printable(answer.bytes) << ", after " << command.front();
				return hits;
			}
		}
		ADD_FAILURE() << "never gone";
		return hits;
	}
};

TEST_F(Expiry, ToTheMillisecond)
{
	unsigned hits = 0;
	for (const int life : {1, 2, 3, 5, 10, 20, 50, 100, 150, 200, 300, 500}) {
		for (int round = 0; round < 3; ++round) {
			const std::string key = testbed().key();
			hits += live_through(key, {"SET", key, "value", "PX", std::to_string(life)},
					     Milliseconds{life});
		}
	}
	EXPECT_GT(hits, 0U) << "nothing was served: this proves nothing";
}

TEST_F(Expiry, InEveryWayToSetIt)
{
	const Milliseconds life{120};
	const auto in_ms = [&] {
		const auto now = std::chrono::system_clock::now().time_since_epoch() + life;
		return std::to_string(std::chrono::duration_cast<Milliseconds>(now).count());
	};
	const std::string text = std::to_string(life.count());
	unsigned hits = 0;
	for (int round = 0; round < 3; ++round) {
		std::string key = testbed().key();
		hits += live_through(key, {"PSETEX", key, text, "value"}, life);
		key = testbed().key();
		hits += live_through(key, {"SET", key, "value", "PXAT", in_ms()}, life);
		key = testbed().cached_key();
		hits += live_through(key, {"PEXPIRE", key, text}, life);
		key = testbed().cached_key();
		hits += live_through(key, {"PEXPIREAT", key, in_ms()}, life);
		key = testbed().cached_key();
		hits += live_through(key, {"GETEX", key, "PX", text}, life);
		key = testbed().cached_key();
		hits += live_through(
			key,
			{"EVAL", "return redis.call('PEXPIRE', KEYS[1], ARGV[1])", "1", key, text},
			life);
		key = testbed().cached_key();
		const std::string dump = testbed().value({"DUMP", key});
		hits += live_through(key, {"RESTORE", key, text, dump, "REPLACE"}, life);
		// Shorter than it was.
		key = testbed().key();
		testbed().write({"SET", key, "value", "EX", "100"});
		testbed().cache(key);
		hits += live_through(key, {"PEXPIRE", key, text}, life);
		// As the one that it is a copy of.
		key = testbed().key();
		testbed().write({"SET", key + "-from", "value", "PX", text});
		hits += live_through(key, {"COPY", key + "-from", key}, life);
		key = testbed().key();
		testbed().write({"SET", key + "-from", "value", "PX", text});
		hits += live_through(key, {"RENAME", key + "-from", key}, life);
	}
	EXPECT_GT(hits, 0U) << "nothing was served: this proves nothing";
}

// The second does not live for as long as the first would have, nor the other way round.
TEST_F(Expiry, ThatIsTakenBack)
{
	for (const char *again : {"PERSIST", "SET", "GETEX"}) {
		SCOPED_TRACE(again);
		const std::string key = testbed().key();
		testbed().write({"SET", key, "value", "PX", "400"});
		testbed().cache(key);
		std::vector<std::string> command{again, key};
		if (command[0] == "SET")
			command.emplace_back("value");
		if (command[0] == "GETEX")
			command.emplace_back("PERSIST");
		EXPECT_NE(testbed().write(command).front(), '-');
		testbed().expect_truth_and_cached_again(key);
		std::this_thread::sleep_for(Milliseconds{500});
		EXPECT_EQ(testbed().expect_truth_and_cached_again(key), resp_bulk("value"));
	}
}

// What is gone is gone for all forms of reads.
TEST_F(Expiry, OfOneOfSeveral)
{
	const std::string stays = testbed().cached_key_in_both("stays");
	const std::string goes = testbed().key();
	testbed().write_both({"SET", goes, "goes", "PX", "300"});
	testbed().cache(goes);
	ComparedClient compared(testbed());
	compared.warm(stays);
	std::this_thread::sleep_for(Milliseconds{310});
	compared.ask({"MGET", stays, goes, stays});
	compared.ask({"EXISTS", goes, stays});
	compared.ask({"STRLEN", goes});
	compared.ask({"MGET", goes});
}

} // namespace
} // namespace prestack::test
