// SPDX-License-Identifier: GPL-2.0-only
// After any command that can change a string, in every form in which it can arrive, nobody reads the
// old value.
#include "change.hpp"
#include "support/tcp_options.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

enum class Way {
	whole, // each command a segment, the next one after its reply
	together, // all in one segment, between two reads
	in_multi,
	inlined,
	bytes, // each byte a segment
	split, // two segments, cut at each byte
};

struct Case {
	RedisChange change;
	Way way;

	std::string name() const
	{
		static constexpr const char *ways[] = {"Whole",	  "Together", "InMulti",
						       "Inlined", "Bytes",    "Split"};
		return change.name + "_" + ways[static_cast<int>(way)];
	}
	friend void PrintTo(const Case &which, std::ostream *out) { *out << which.name(); }
};

bool worth_splitting(const RedisChange &change)
{
	for (const char *name : {"Set", "SetEx", "MSetSecond", "DelSecond", "Append", "RenameOver",
				 "Eval", "EvalOfAnotherKey", "Exec", "SUnionStore", "BitOpNot",
				 "FlushAll", "OtherDbAndBack", "Copy", "SortStore"}) {
		if (change.name == name)
			return true;
	}
	return false;
}

std::vector<Case> every_case()
{
	std::vector<Case> cases;
	for (const RedisChange &change : every_redis_change()) {
		for (const Way way : {Way::whole, Way::together, Way::inlined, Way::bytes})
			cases.push_back({change, way});
		if (change.fits_in_multi())
			cases.push_back({change, Way::in_multi});
		if (worth_splitting(change))
			cases.push_back({change, Way::split});
	}
	return cases;
}

// Reads of the key between two pieces: enough for the old value to be cached again, if a write that
// has begun to arrive holds it off for the settle time only.
constexpr unsigned reads_between = 60;

class RedisCommand : public RedisTest, public testing::WithParamInterface<Case>
{
protected:
	const RedisChange &change() const { return GetParam().change; }
	static RedisTestbed &testbed() { return RedisTestbed::shared(); }

	std::string fresh_key()
	{
		std::string key = testbed().key();
		testbed().store(key, change().initial);
		for (const Words &words : change().all_to_prepare(testbed(), key))
			EXPECT_NE(testbed().write(words).front(), '-') << words.front();
		return key;
	}

	// The change as one message after the other.
	std::vector<std::string> messages(const std::string &key)
	{
		std::vector<std::string> all;
		const bool multi = GetParam().way == Way::in_multi;
		if (multi)
			all.push_back(resp({"MULTI"}));
		for (const Words &words : change().all(testbed(), key)) {
			all.push_back(GetParam().way == Way::inlined ? inline_command(words)
								     : resp(words));
		}
		if (multi)
			all.push_back(resp({"EXEC"}));
		if (GetParam().way == Way::together) {
			all.insert(all.begin(), resp({"GET", key}));
			all.push_back(resp({"EXISTS", key}));
		}
		return all;
	}

	void expect_changed(const std::string &key, const std::string &before)
	{
		const std::string after = testbed().expect_truth(key);
		if (change().shows)
			EXPECT_NE(printable(after), printable(before)) << "nothing has changed";
		else
			EXPECT_EQ(printable(after), printable(before)) << "it has changed";
	}

	// Reads the key between the pieces, so that a write that has begun to arrive meets reads that
	// may fill.
	void send_pieces(TcpClient &client, const std::vector<std::string> &pieces,
			 const std::string &key)
	{
		const std::uint32_t before = data_segments_sent(client.fd());
		for (const std::string &piece : pieces) {
			client.send(piece);
			if (&piece == &pieces.back())
				break;
			for (unsigned count = 0; count < reads_between; ++count) {
				if (testbed().read(key).hit)
					break;
			}
		}
		ASSERT_GE(data_segments_sent(client.fd()), before + pieces.size())
			<< "pieces went out together: this proves nothing";
	}

	void change_in_pieces(const std::vector<std::string> &pieces, const std::string &key,
			      std::size_t replies)
	{
		TcpClient client = testbed().tcp();
		const std::string before = testbed().cache(key);
		send_pieces(client, pieces, key);
		client.receive(static_cast<unsigned>(replies), resp_reply_length);
		expect_changed(key, before);
	}
};

std::string joined(const std::vector<std::string> &parts)
{
	std::string all;
	for (const std::string &part : parts)
		all += part;
	return all;
}

TEST_P(RedisCommand, NeverTheOldValue)
{
	const std::string key = fresh_key();
	const auto messages = this->messages(key);
	switch (GetParam().way) {
	case Way::whole:
	case Way::in_multi:
	case Way::inlined: {
		TcpClient client = testbed().tcp();
		const std::string before = testbed().cache(key);
		for (const std::string &message : messages) {
			client.ask(message, 1, resp_reply_length);
			testbed().expect_truth(key);
		}
		expect_changed(key, before);
		break;
	}
	case Way::together:
		change_in_pieces({joined(messages)}, key, messages.size());
		break;
	case Way::bytes: {
		std::vector<std::string> pieces;
		for (const char byte : joined(messages))
			pieces.emplace_back(1, byte);
		change_in_pieces(pieces, key, messages.size());
		break;
	}
	case Way::split: {
		const std::size_t length = joined(messages).size();
		for (std::size_t cut = 1; cut < length && !HasFailure(); ++cut) {
			SCOPED_TRACE("cut after " + std::to_string(cut) + " bytes");
			const std::string next = fresh_key();
			const std::string whole = joined(this->messages(next));
			change_in_pieces({whole.substr(0, cut), whole.substr(cut)}, next,
					 messages.size());
		}
		break;
	}
	}
	if (!HasFailure())
		testbed().expect_truth_and_cached_again(key);
}

INSTANTIATE_TEST_SUITE_P(Redis, RedisCommand, testing::ValuesIn(every_case()),
			 [](const auto &info) { return info.param.name(); });

} // namespace
} // namespace prestack::test
