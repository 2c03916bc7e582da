// SPDX-License-Identifier: GPL-2.0-only
// Long pipelines, long lines and large values are followed: a write among them invalidates, and
// nothing from before it is served.
#include <algorithm>

#include "change.hpp"
#include "support/tcp_options.hpp"

namespace prestack::test
{
namespace
{

class Pipeline : public CoherenceTest
{
protected:
	MemcachedTestbed &testbed() { return MemcachedTestbed::shared({.settle = "3ms"}); }

	std::string cached_key(const std::string &value = "old-value")
	{
		std::string key = testbed().key();
		testbed().store(key, value);
		testbed().cache(key);
		return key;
	}

	// Sends the bytes in pieces of this size, one segment each.
	static void send_in_pieces(TcpClient &client, const std::string &bytes, std::size_t size)
	{
		const std::uint32_t before = data_segments_sent(client.fd());
		for (std::size_t at = 0; at < bytes.size(); at += size)
			client.send(bytes.substr(at, size));
		// Of very many pieces some are joined, since not all may be under way at once.
		ASSERT_GE(data_segments_sent(client.fd()) - before,
			  std::min<std::size_t>(bytes.size() / size, 500));
	}

	// After anything before it, this connection's next write must count.
	void expect_still_followed(TcpClient &client)
	{
		const std::string key = cached_key();
		EXPECT_EQ(client.ask(test::store(key, "behind")), "STORED\r\n");
		EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "behind"));
		testbed().cache(key);
		EXPECT_EQ(client.ask("md " + key + "\r\n"), "HD\r\n");
		EXPECT_EQ(testbed().expect_truth(key), no_item);
	}
};

TEST_F(Pipeline, WritesToManyKeysInOneSegment)
{
	std::vector<std::string> keys;
	std::string commands;
	for (unsigned count = 0; count < 200; ++count) {
		keys.push_back(testbed().key());
		testbed().store(keys.back(), "old");
	}
	for (const std::string &key : keys)
		commands += "set " + key + " 0 0 3\r\nnew\r\n";
	for (const std::string &key : keys)
		testbed().cache(key);
	TcpClient client = testbed().tcp();
	client.send(commands);
	client.receive(200);
	for (const std::string &key : keys)
		ASSERT_EQ(testbed().expect_truth(key), value_reply(key, "new"));
	for (const std::string &key : keys)
		testbed().cache(key);
	expect_still_followed(client);
}

// More writes without a reply between them than a flow can remember.
TEST_F(Pipeline, ManyWritesAtOnceToOneKeyEachReplyLater)
{
	const std::string key = cached_key("0");
	std::string commands;
	for (unsigned count = 0; count < 500; ++count)
		commands += "incr " + key + " 1\r\n";
	TcpClient client = testbed().tcp();
	client.send(commands);
	for (unsigned count = 1; count <= 500; ++count) {
		const std::string reply = client.receive();
		EXPECT_EQ(reply, std::to_string(count) + "\r\n");
		const auto answer = testbed().read(key).bytes;
		const auto value = answer.substr(answer.find("\r\n") + 2);
		ASSERT_GE(std::stoul(value), count) << "older than what was acknowledged";
	}
	EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "500"));
	expect_still_followed(client);
}

TEST_F(Pipeline, ManyQuietWritesBeforeOneReply)
{
	std::vector<std::string> keys;
	std::string commands;
	for (unsigned count = 0; count < 150; ++count)
		keys.push_back(testbed().key());
	for (const std::string &key : keys)
		testbed().store(key, "old");
	for (const std::string &key : keys)
		testbed().cache(key);
	for (const std::string &key : keys)
		commands += "ms " + key + " 3 q\r\nnew\r\n";
	TcpClient client = testbed().tcp();
	send_in_pieces(client, commands + "mn\r\n", 100);
	EXPECT_EQ(client.receive(), "MN\r\n");
	for (const std::string &key : keys)
		ASSERT_EQ(testbed().expect_truth(key), value_reply(key, "new"));
	for (const std::string &key : keys)
		testbed().cache(key);
	expect_still_followed(client);
}

TEST_F(Pipeline, AWriteBehindHundredReads)
{
	const std::string key = cached_key();
	std::string commands;
	for (unsigned count = 0; count < 100; ++count)
		commands += "get nothing\r\n";
	TcpClient client = testbed().tcp();
	client.send(commands + "delete " + key + "\r\n");
	client.receive(101);
	EXPECT_EQ(testbed().expect_truth(key), no_item);
	expect_still_followed(client);
}

// The write in front of what is large: its reply leaves long before the others.
TEST_F(Pipeline, AWriteBeforeHundredReadsOfALargeValue)
{
	const std::string large = testbed().key();
	testbed().store(large, std::string(20'000, 'L'));
	const std::string key = cached_key();
	std::string commands = "delete " + key + "\r\n";
	for (unsigned count = 0; count < 100; ++count)
		commands += get_line(large);
	TcpClient client = testbed().tcp();
	client.send(commands);
	EXPECT_EQ(client.receive(), "DELETED\r\n");
	EXPECT_EQ(testbed().expect_truth(key), no_item);
	client.receive(100);
	expect_still_followed(client);
}

class LongLine : public Pipeline, public testing::WithParamInterface<std::size_t>
{
};

// A get of many keys is one line; memcached takes up to 2048 bytes for one that does not end, and
// longer ones if they begin with "get ".
TEST_P(LongLine, AWriteBehindALongGet)
{
	for (const std::size_t line : {500U, 600U, 2'000U, 5'000U, 30'000U}) {
		SCOPED_TRACE("a line of " + std::to_string(line) + " bytes");
		std::string get = "get";
		while (get.size() < line)
			get += " nothing" + std::to_string(get.size());
		const std::string key = cached_key();
		TcpClient client = testbed().tcp();
		send_in_pieces(client, get + "\r\ndelete " + key + "\r\n", GetParam());
		EXPECT_EQ(client.receive(2), "END\r\nDELETED\r\n");
		EXPECT_EQ(testbed().expect_truth(key), no_item);
		expect_still_followed(client);
	}
}

TEST_P(LongLine, GatOfManyKeys)
{
	std::vector<std::string> keys;
	std::string gat = "gat -1";
	for (unsigned count = 0; count < 100; ++count) {
		keys.push_back(testbed().key());
		testbed().store(keys.back(), "old");
	}
	for (const std::string &key : keys) {
		testbed().cache(key);
		gat += " " + key;
	}
	TcpClient client = testbed().tcp();
	send_in_pieces(client, gat + "\r\n", GetParam());
	client.receive();
	for (const std::string &key : keys)
		ASSERT_EQ(testbed().expect_truth(key), no_item);
	expect_still_followed(client);
}

INSTANTIATE_TEST_SUITE_P(Coherence, LongLine, testing::Values(7U, 64U, 500U, 1'448U, 60'000U),
			 [](const auto &info) {
				 return "in_pieces_of_" + std::to_string(info.param);
			 });

class BigValue : public Pipeline, public testing::WithParamInterface<std::size_t>
{
};

// A value over many segments that itself looks like commands.
TEST_P(BigValue, ASetThatTakesManySegments)
{
	const std::string key = cached_key();
	const std::string other = cached_key();
	std::string value;
	while (value.size() < GetParam())
		value += "get " + other + "\r\ndelete " + other + "\r\nset " + other +
			 " 0 0 100000\r\n";
	TcpClient client = testbed().tcp();
	EXPECT_EQ(client.ask(test::store(key, value) + get_line(other), 2),
		  "STORED\r\n" + value_reply(other, "old-value"));
	EXPECT_EQ(testbed().truth(key), value_reply(key, value));
	EXPECT_TRUE(client.ask(get_line(key)) == value_reply(key, value));
	EXPECT_EQ(client.ask("md " + key + "\r\nms " + key + " 5\r\nsmall\r\n", 2), "HD\r\nHD\r\n");
	EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "small"));
	testbed().expect_truth_and_cached_again(other);
	expect_still_followed(client);
}

// While the value is still on its way the old one may be read, and cached again.
TEST_P(BigValue, ReadsWhileItArrives)
{
	const std::string key = cached_key();
	const std::string command = test::store(key, std::string(GetParam(), 'N'));
	TcpClient client = testbed().tcp();
	const std::size_t quarter = command.size() / 4;
	for (std::size_t at = 0; at < command.size(); at += quarter) {
		client.send(command.substr(at, quarter));
		for (unsigned count = 0; count < 100; ++count) {
			if (at + quarter >= command.size() || testbed().read(key).hit)
				break;
		}
	}
	EXPECT_EQ(client.receive(), "STORED\r\n");
	const std::string answer = client.ask(get_line(key));
	EXPECT_EQ(answer, value_reply(key, std::string(GetParam(), 'N')));
	EXPECT_EQ(client.ask(test::store(key, "small")), "STORED\r\n");
	EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "small"));
	expect_still_followed(client);
}

INSTANTIATE_TEST_SUITE_P(Coherence, BigValue, testing::Values(2'000U, 10'000U, 150'000U, 900'000U),
			 [](const auto &info) { return "bytes_" + std::to_string(info.param); });

// Larger than memcached takes: it reads the data away and removes the old item.
TEST_F(Pipeline, ASetThatIsTooLarge)
{
	for (const char *form : {"set {k} 0 0 {n}\r\n", "ms {k} {n}\r\n"}) {
		const std::string key = cached_key();
		std::string command = form;
		command.replace(command.find("{k}"), 3, key);
		command.replace(command.find("{n}"), 3, "1500000");
		TcpClient client = testbed().tcp();
		EXPECT_EQ(client.ask(command + std::string(1'500'000, 'x') + "\r\n").substr(0, 12),
			  "SERVER_ERROR");
		testbed().expect_truth(key);
		expect_still_followed(client);
	}
}

// The cut may fall at any place of a reply, too: gets of a value that does not fit one segment.
TEST_F(Pipeline, RepliesOverManySegments)
{
	const std::string large = testbed().key();
	testbed().store(large, std::string(500'000, 'L'));
	const std::string key = cached_key();
	TcpClient client = testbed().tcp();
	client.send(get_line(large) + "incr nothing 1\r\n" + get_line(large) + "delete " + key +
		    "\r\n" + get_line(large));
	client.receive(4);
	EXPECT_EQ(testbed().expect_truth(key), no_item);
	client.receive(1);
	expect_still_followed(client);
}

} // namespace
} // namespace prestack::test
