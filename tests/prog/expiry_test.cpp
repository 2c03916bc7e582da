// SPDX-License-Identifier: GPL-2.0-only
// An entry is served only while its expiry is known and not past: it is learned from the write or
// answered by user space. Toy keys that begin with '~' may expire.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "fence_fixture.hpp"
#include "loader/agent/expiry_answers.hpp"
#include "loader/kernel/libbpf_options.hpp"

namespace prestack::test
{

namespace
{

constexpr std::uint64_t kSecond = 1000000000;

std::uint64_t now()
{
	timespec time{};
	clock_gettime(CLOCK_MONOTONIC, &time);
	return static_cast<std::uint64_t>(time.tv_sec) * kSecond +
	       static_cast<std::uint64_t>(time.tv_nsec);
}

class Expiry : public FenceTest
{
protected:
	Expiry()
		: ring_(ring_buffer__new(datapath_.map("ps_expiry_questions"), on_question, this,
					 nullptr),
			ring_buffer__free)
	{
	}

	static int on_question(void *test, void *data, std::size_t size)
	{
		const auto question = question_of(data, size);
		EXPECT_TRUE(question) << size;
		auto &self = *static_cast<Expiry *>(test);
		self.questions_.push_back(question.value_or(ps_expiry_question{}));
		self.size_ = size;
		return 0;
	}
	std::vector<ps_expiry_question> questions()
	{
		questions_.clear();
		ring_buffer__consume(ring_.get());
		return questions_;
	}
	// Whether the answer was taken.
	bool set_expiry(const ps_expiry_question &question, std::uint64_t expires)
	{
		ps_expiry_answers frame{};
		frame.count = 2;
		frame.answer[0] = {
			.table = PS_CLASS_NONE, .index = 0, .seq = 0, .taken = 0, .expires = 0};
		frame.answer[1] = {.table = question.table,
				   .index = question.index,
				   .seq = question.seq,
				   .taken = 0,
				   .expires = expires};
		auto options = libbpf_options<bpf_test_run_opts>();
		options.data_in = &frame;
		options.data_size_in = sizeof frame;
		options.data_out = &frame;
		options.data_size_out = sizeof frame;
		EXPECT_EQ(bpf_prog_test_run_opts(datapath_.programs().set_expiry, &options), 0);
		EXPECT_EQ(frame.answer[0].taken, 0u);
		return frame.answer[1].taken == 1;
	}
	ps_entry small_entry(std::uint32_t index)
	{
		ps_entry entry{};
		std::vector<char> bytes(PS_SMALL_SIZE);
		EXPECT_EQ(bpf_map_lookup_elem(datapath_.map("ps_small"), &index, bytes.data()), 0);
		std::memcpy(&entry, bytes.data(), sizeof entry);
		return entry;
	}
	// Fills a key that may expire; the question it leaves.
	ps_expiry_question fill_and_ask(std::string_view key, std::string_view value)
	{
		EXPECT_TRUE(fill(key, value));
		const auto pending = questions();
		EXPECT_EQ(pending.size(), 1u);
		return pending.empty() ? ps_expiry_question{} : pending[0];
	}

	std::vector<ps_expiry_question> questions_;
	std::size_t size_ = 0; // of the last question's record
	std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> ring_;
};

TEST_F(Expiry, AnEntryIsServedOnceItsExpiryIsKnown)
{
	for (const std::size_t length : {20u, 500u}) {
		const std::string key = "~" + std::to_string(length);
		const std::string value = some_bytes(length);
		const ps_expiry_question question = fill_and_ask(key, value);
		EXPECT_EQ(question.table, length < 100 ? PS_CLASS_SMALL : PS_CLASS_LARGE);
		EXPECT_EQ(question.service, 0u);
		EXPECT_EQ(
			std::string(reinterpret_cast<const char *>(question.key), question.key_len),
			key);
		EXPECT_FALSE(cached(key));
		EXPECT_TRUE(set_expiry(question, now() + 3600 * kSecond));
		EXPECT_EQ(ask(key), toy_value(key, value));
		EXPECT_TRUE(set_expiry(question, now() - 1));
		EXPECT_FALSE(cached(key));
		EXPECT_TRUE(set_expiry(question, PS_EXPIRES_NEVER));
		EXPECT_TRUE(cached(key));
	}
}

TEST_F(Expiry, AQuestionHoldsTheWholeKey)
{
	for (const std::size_t length : {2u, 7u, 8u, 9u, 31u, 32u, 33u, 40u, 249u, 250u}) {
		const std::string key = "~" + std::string(length - 1, 'k');
		const ps_expiry_question question = fill_and_ask(key, "value");
		ASSERT_EQ(question.key_len, length);
		EXPECT_EQ(std::string(reinterpret_cast<const char *>(question.key), length), key);
		EXPECT_EQ(size_, length <= PS_BRIEF_KEY ? PS_BRIEF_QUESTION : sizeof question);
	}
}

TEST_F(Expiry, AnAnswerAboutWhatIsGoneIsNotTaken)
{
	const ps_expiry_question question = fill_and_ask("~key", "old");
	set("~key", 2);
	EXPECT_FALSE(set_expiry(question, PS_EXPIRES_NEVER));
	ok(2);
	EXPECT_FALSE(set_expiry(question, PS_EXPIRES_NEVER));
	const ps_expiry_question next = fill_and_ask("~key", "new");
	EXPECT_FALSE(set_expiry(question, PS_EXPIRES_NEVER));
	EXPECT_FALSE(cached("~key"));
	EXPECT_TRUE(set_expiry(next, PS_EXPIRES_NEVER));
	EXPECT_EQ(ask("~key"), toy_value("~key", "new"));
}

TEST_F(Expiry, AnAnswerAboutAnEarlierEpochServesNothing)
{
	const ps_expiry_question question = fill_and_ask("~key", "old");
	datapath_.bump_epoch();
	set_expiry(question, PS_EXPIRES_NEVER);
	EXPECT_FALSE(cached("~key"));
}

TEST_F(Expiry, AnEntryIsLeftAloneWhileItsAnswerIsWaitedFor)
{
	// As many tries as it takes for two packets to be near in time.
	for (int round = 0; round < 50; ++round) {
		const std::string key = "~" + std::to_string(round);
		const ps_expiry_question question = fill_and_ask(key, "value");
		miss(key, 1);
		if (value(key, "value", 1) != "nofill_expiry_pending+1") {
			questions();
			continue;
		}
		EXPECT_TRUE(set_expiry(question, PS_EXPIRES_NEVER));
		EXPECT_TRUE(cached(key));
		return;
	}
	ADD_FAILURE() << "never";
}

TEST_F(Expiry, AQuestionWithoutAnAnswerIsAskedAgain)
{
	const ps_expiry_question question = fill_and_ask("~key", "value");
	std::vector<char> bytes(PS_SMALL_SIZE);
	const int fd = datapath_.map("ps_small");
	ASSERT_EQ(bpf_map_lookup_elem(fd, &question.index, bytes.data()), 0);
	ps_entry entry;
	std::memcpy(&entry, bytes.data(), sizeof entry);
	entry.questioned_at -= 1000;
	std::memcpy(bytes.data(), &entry, sizeof entry);
	ASSERT_EQ(bpf_map_update_elem(fd, &question.index, bytes.data(), BPF_ANY), 0);
	const ps_expiry_question next = fill_and_ask("~key", "value");
	EXPECT_FALSE(set_expiry(question, PS_EXPIRES_NEVER));
	EXPECT_TRUE(set_expiry(next, PS_EXPIRES_NEVER));
}

TEST_F(Expiry, IsLearnedFromTheWrite)
{
	set("~never", 2, "0");
	ok(2);
	EXPECT_TRUE(fill("~never", "0"));
	EXPECT_TRUE(cached("~never"));
	EXPECT_TRUE(questions().empty());

	const std::uint64_t before = now();
	set("~soon", 2, "9");
	const std::uint64_t after = now();
	ok(2);
	miss("~soon", 3);
	EXPECT_EQ(value("~soon", "9", 3), kFilled);
	EXPECT_TRUE(questions().empty());
	unsigned found = 0;
	for (std::uint32_t i = 0; i < 4096; ++i) {
		const ps_entry entry = small_entry(i);
		if (entry.expires <= PS_EXPIRES_UNKNOWN)
			continue;
		++found;
		// Never later; a little earlier, since it is kept in units of 0.27 s.
		EXPECT_LE(entry.expires, after + 9 * kSecond);
		EXPECT_GE(entry.expires, before + 8 * kSecond);
	}
	EXPECT_EQ(found, 1u);
}

class NotLearned : public Expiry
{
protected:
	// Is asked of user space, not believed to last for ever.
	void expect_a_question(const char *what)
	{
		let_holds_run_out();
		EXPECT_TRUE(fill("~key", "0")) << what;
		EXPECT_EQ(questions().size(), 1u) << what;
		EXPECT_FALSE(cached("~key")) << what;
		datapath_.bump_epoch();
	}
};

TEST_F(NotLearned, WhenTheWriteDidNotDoAsAsked)
{
	set("~key", 2, "0");
	answer("0002 NO\n");
	expect_a_question("the reply said no");
	set("~key", 2, "0");
	expect_a_question("no reply");
	ok(2);
	set("~key", 3, "?");
	ok(3);
	expect_a_question("the write did not tell");
}

TEST_F(NotLearned, WhenSomethingElseHappensToTheKey)
{
	set("~key", 2, "0");
	set("~key", 3, "9");
	ok(3);
	ok(2);
	expect_a_question("two writes at a time");
	set("~key", 2, "0");
	set("~key", 3, "9");
	ok(2);
	ok(3);
	expect_a_question("two writes at a time, the other way round");
	set("~key", 2, "0");
	send("0009 what?\n");
	ok(2);
	expect_a_question("something that is not understood, before the reply");
	answer(toy_ok(9));
	set("~key", 2, "0");
	ok(2);
	send("0009 what?\n");
	expect_a_question("something that is not understood, after the reply");
	answer(toy_ok(9));
	set("~key", 2, "0");
	ok(2);
	set("~key", 3, "?");
	expect_a_question("another write, not answered");
	ok(3);
	set("~key", 2, "0");
	set("~key", 2, "9");
	ok(2);
	ok(2);
	expect_a_question("two writes with the same number");
}

TEST_F(NotLearned, ForAnotherKeyOfTheSameFence)
{
	for (unsigned i = 0; i < 200; ++i) {
		set("~key" + std::to_string(i), 2, "0");
		ok(2);
		ASSERT_TRUE(fill("~other" + std::to_string(i), "0"));
		EXPECT_FALSE(cached("~other" + std::to_string(i)));
	}
}

} // namespace

} // namespace prestack::test
