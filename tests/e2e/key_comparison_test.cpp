// SPDX-License-Identifier: GPL-2.0-only
// Keys are compared whole, so no key answers for another one that it is a prefix of. This is defect
// (k) of BMC.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

class KeyComparison : public AssociativityTest
{
protected:
	static std::string key_of(std::size_t length) { return std::string(length, 'k'); }
	static std::string value_of(std::size_t length)
	{
		return "value of " + std::to_string(length);
	}
};

// Keys of all lengths that are each a prefix of all longer ones, in a table that cannot hold them
// all apart. Whatever is cached, every answer is the key's own.
TEST_P(KeyComparison, NoKeyAnswersForAnother)
{
	Testbed &small = Testbed::shared({.associativity = GetParam(), .memory = "1MiB"});
	for (std::size_t length = 1; length <= 250; ++length) {
		small.write(store(key_of(length), value_of(length), static_cast<unsigned>(length)));
	}
	const std::uint64_t before = small.hits();
	for (int round = 0; round < 4; ++round) {
		for (std::size_t length = 1; length <= 250; ++length)
			small.read(get(key_of(length)));
	}
	EXPECT_GT(small.hits(), before) << "nothing was answered by the kernel: this shows nothing";
}

// With half of the keys gone from the server, their cached neighbours must not answer for them.
TEST_P(KeyComparison, AnAbsentKeyIsNotAnsweredByItsPrefix)
{
	const std::string stem = testbed().key("stem");
	std::string key = stem;
	for (int step = 0; key.size() <= 120; ++step, key += static_cast<char>('a' + step % 26)) {
		if (step % 2 == 0)
			testbed().store_and_warm(key, value_of(key.size()));
	}
	for (std::size_t length = stem.size(); length + 1 < key.size(); ++length) {
		testbed().read(get(key.substr(0, length)));
	}
}

TEST_P(KeyComparison, TheLongestKeyIsServedAndALongerOneIsMemcachedsToRefuse)
{
	const std::string longest(250, 'L');
	testbed().store_and_warm(longest, "value");
	testbed().read_hit(get(longest));
	EXPECT_TRUE(testbed().read_pass(get(longest + "L")).starts_with("CLIENT_ERROR"));
	EXPECT_TRUE(testbed().read_pass(get(std::string(1'000, 'L'))).starts_with("CLIENT_ERROR"));
}

TEST_P(KeyComparison, KeysThatDifferInOneByteAreTwoKeys)
{
	const std::string stem = testbed().key("byte");
	for (const std::size_t at : {0U, 1U, 7U, 8U, 9U, 15U, 16U, 17U, 31U}) {
		std::string first = stem + std::string(32, 'x');
		std::string second = first;
		second[stem.size() + at] = 'y';
		testbed().store_and_warm(first, "first");
		testbed().store_and_warm(second, "second");
		testbed().read(get(first));
		testbed().read(get(second));
		testbed().write("delete " + first + "\r\n");
		EXPECT_EQ(testbed().read(get(first)), "END\r\n");
		testbed().read(get(second));
	}
}

INSTANTIATE_TEST_SUITE_P(Memcached, KeyComparison, every_associativity, associativity_name);

} // namespace
} // namespace prestack::test
