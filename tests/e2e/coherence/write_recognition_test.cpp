// SPDX-License-Identifier: GPL-2.0-only
// Every kind of write is recognised, not only the literal bytes `set` in a TCP payload, and whichever
// way it arrives. This is defect (e) of BMC. command_test.cpp goes through all commands and all cuts.
#include <algorithm>

#include "change.hpp"

namespace prestack::test
{
namespace
{

class WriteRecognition : public CoherenceTest
{
protected:
	MemcachedTestbed &testbed() { return MemcachedTestbed::shared({.settle = "3ms"}); }

	static Change find(const std::string &name)
	{
		const std::vector<Change> all = every_change();
		const auto found = std::ranges::find(all, name, &Change::name);
		if (found == all.end())
			throw std::runtime_error("no change of this name: " + name);
		return *found;
	}

	// Stores, caches, lets `send` carry out the change, and reads.
	template <typename Send>
	void check(const Change &change, Send send)
	{
		SCOPED_TRACE(change.name);
		const std::string key = testbed().key();
		testbed().store(key, change.initial);
		const std::string before = testbed().cache(key);
		send(change.bytes(key, change.needs_unique() ? testbed().unique(key) : ""));
		EXPECT_NE(printable(change.special ? testbed().expect_truth(key)
						   : testbed().expect_truth_and_cached_again(key)),
			  printable(before));
	}

	void check_over_tcp(const std::vector<std::string> &names)
	{
		for (const std::string &name : names) {
			const Change change = find(name);
			TcpClient client = testbed().tcp();
			check(change, [&](const std::string &bytes) {
				client.send(bytes);
				if (change.replies == 0)
					client.send(change.sync());
				change.receive(client);
			});
		}
	}
};

TEST_F(WriteRecognition, StorageCommands)
{
	check_over_tcp({"set", "add", "replace", "append", "prepend", "cas"});
}

TEST_F(WriteRecognition, IncrDecrTouchGatDelete)
{
	check_over_tcp({"incr", "decr", "touch", "gat", "gats", "delete"});
}

TEST_F(WriteRecognition, FlushAll)
{
	check_over_tcp({"flush_all"});
}

TEST_F(WriteRecognition, MetaCommands)
{
	check_over_tcp({"ms", "md", "ma", "mg_T", "ms_base64", "ms_quiet", "md_quiet", "ma_quiet"});
}

TEST_F(WriteRecognition, BinaryProtocol)
{
	check_over_tcp({"binary_set", "binary_append", "binary_delete", "binary_increment",
			"binary_touch", "binary_flush", "binary_set_quiet", "binary_delete_quiet"});
}

TEST_F(WriteRecognition, WritesOverUdp)
{
	for (const char *name : {"set", "add", "append", "cas", "incr", "touch", "gat", "delete",
				 "flush_all", "ms", "md", "ma", "binary_set", "binary_delete"}) {
		const Change change = find(name);
		check(change, [&](const std::string &bytes) {
			testbed().udp_client().send(
				{.request_id = testbed().udp_client().next_request_id()}, bytes);
			testbed().udp_client().ask("version\r\n");
		});
	}
}

TEST_F(WriteRecognition, CommandsSplitOverTwoSegments)
{
	TcpClient client = testbed().tcp();
	for (const char *name : {"set", "incr", "touch", "delete", "ms", "md", "ma"}) {
		const Change change = find(name);
		check(change, [&](const std::string &bytes) {
			client.send_segments({bytes.substr(0, 2), bytes.substr(2)});
			change.receive(client);
		});
	}
}

// The letters of another command's name in a value, or in a key, are no command.
TEST_F(WriteRecognition, LettersOfACommandThatAreNone)
{
	const std::string key = testbed().key();
	testbed().store(key, "value");
	testbed().cache(key);
	TcpClient client = testbed().tcp();
	const std::uint64_t flushes = testbed().count(PS_COUNT_flushes);
	const std::string value = "\r\nset " + key + " 0 0 1\r\nx\r\ndelete " + key + "\r\n";
	EXPECT_EQ(client.ask(store("set", value)), "STORED\r\n");
	EXPECT_EQ(client.ask("get set " + key + "\r\n"),
		  "VALUE set 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n" +
			  value_reply(key, "value"));
	EXPECT_EQ(testbed().count(PS_COUNT_flushes), flushes);
	EXPECT_TRUE(testbed().read(key).hit) << "invalidated by letters";
}

} // namespace
} // namespace prestack::test
