// SPDX-License-Identifier: GPL-2.0-only
// Bytes that are no known command flush the cache, since they might be a write, and their connection
// keeps counting as one that may write.
#include "change.hpp"
#include "support/tcp_options.hpp"

namespace prestack::test
{
namespace
{

using namespace std::string_literals;

struct UnknownBytes {
	const char *name;
	std::string bytes;

	friend void PrintTo(const UnknownBytes &each, std::ostream *out) { *out << each.name; }
};

class UnknownCommand : public CoherenceTest, public testing::WithParamInterface<UnknownBytes>
{
protected:
	MemcachedTestbed &testbed() { return MemcachedTestbed::shared({.settle = "3ms"}); }

	void check(const std::vector<std::string> &pieces)
	{
		const std::string key = testbed().key();
		testbed().store(key, "value");
		testbed().cache(key);
		const std::uint64_t flushes = testbed().count(PS_COUNT_flushes);
		const std::uint64_t hits = testbed().count(PS_COUNT_hits);
		TcpClient client = testbed().tcp();
		for (const std::string &piece : pieces)
			client.send(piece);
		// Some of it makes memcached close the connection, some makes it wait for more.
		client.receive_to_end();
		EXPECT_GT(testbed().count(PS_COUNT_flushes), flushes) << "taken for harmless";
		testbed().expect_truth(key);
		EXPECT_EQ(testbed().count(PS_COUNT_hits), hits)
			<< "what was cached before is still served";
		testbed().cache(key);
	}
};

TEST_P(UnknownCommand, Flushes)
{
	check({GetParam().bytes});
}

TEST_P(UnknownCommand, FlushesInPieces)
{
	const std::string &bytes = GetParam().bytes;
	check({bytes.substr(0, 1), bytes.substr(1, 2), bytes.substr(3)});
}

// Behind a command that is understood, and before one.
TEST_P(UnknownCommand, FlushesBetweenCommands)
{
	check({"get nothing\r\n" + GetParam().bytes + "\r\nget nothing\r\n"});
}

INSTANTIATE_TEST_SUITE_P(
	Coherence, UnknownCommand,
	testing::Values(
		UnknownBytes{"Garbage", "\x01\x02\x03\xff\xfe garbage\r\n"s},
		UnknownBytes{"Zeros", std::string(100, '\0') + "\r\n"},
		UnknownBytes{"UnknownCommand", "frobnicate key 1 2 3\r\n"},
		UnknownBytes{"UnknownMetaCommand", "mx key v\r\n"},
		UnknownBytes{"UpperCase", "SET key 0 0 1\r\nx\r\n"},
		UnknownBytes{"LeadingBlank", " delete key\r\n"},
		UnknownBytes{"TlsClientHello", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"s +
						       std::string(80, '\x5a') + "\n" +
						       std::string(73, '\xa5')},
		UnknownBytes{"HttpRequest",
			     "POST /k HTTP/1.1\r\nHost: cache\r\nContent-Length: 2\r\n\r\nok"},
		UnknownBytes{"SshBanner", "SSH-2.0-OpenSSH_9.2\r\n"},
		UnknownBytes{"BinaryOfNoOpcode",
			     binary_request(static_cast<Opcode>(0x7f), "key", "", "value")},
		UnknownBytes{"LineWithoutEnd", std::string(3'000, 'x')}),
	[](const auto &info) { return std::string(info.param.name); });

class StrangeConnections : public CoherenceTest
{
};

// A key of more than 250 bytes, a line longer than memcached reads: what comes after may be read as
// something else than it seems.
TEST_F(StrangeConnections, WritesBehindErrors)
{
	MemcachedTestbed &testbed = MemcachedTestbed::shared({.settle = "3ms"});
	const std::string long_key(300, 'K');
	for (const std::string &before :
	     {"get " + long_key + "\r\n", "set " + long_key + " 0 0 2\r\nab\r\n",
	      "delete " + long_key + "\r\n", "mg " + long_key + " v\r\n", "incr x y\r\n"s,
	      "set x 0 0 abc\r\n"s, "set x 0 0 -1\r\n"s, "touch x\r\n"s, "verbosity\r\n"s,
	      "ms x abc\r\n"s, "ms x 2 !\r\nab\r\n"s, "gat\r\n"s, "cas x 0 0 2\r\nab\r\n"s, "\r\n"s,
	      "quit now\r\n"s}) {
		SCOPED_TRACE(printable(before, 60));
		const std::string key = testbed.key();
		testbed.store(key, "old-value");
		const std::string cached = testbed.cache(key);
		TcpClient client = testbed.tcp();
		client.send(before);
		testbed.read(key);
		client.send("delete " + key + "\r\n");
		client.receive_to_end();
		testbed.expect_truth(key);
	}
}

// To a get of a key that is too long, memcached forgets the replies to commands of the same batch that
// it has not sent yet: fewer come than were asked for, and those that come answer something else.
TEST_F(StrangeConnections, RepliesThatAreThrownAway)
{
	MemcachedTestbed &testbed = MemcachedTestbed::shared({.settle = "3ms"});
	const std::string bad_get = "get nothing " + std::string(300, 'K') + "\r\n";
	for (unsigned writes_before = 0; writes_before < 4; ++writes_before) {
		SCOPED_TRACE(std::to_string(writes_before) + " writes before");
		std::vector<std::string> keys;
		std::string commands;
		for (unsigned count = 0; count < writes_before + 2; ++count) {
			keys.push_back(testbed.key());
			testbed.store(keys.back(), "10");
			testbed.cache(keys.back());
			if (count == writes_before)
				commands += bad_get;
			commands += "incr " + keys.back() + " 1\r\n";
		}
		TcpClient client = testbed.tcp();
		client.send(commands + "version\r\n");
		while (!client.receive().starts_with("VERSION"))
			continue;
		for (const std::string &key : keys)
			EXPECT_EQ(testbed.expect_truth(key), value_reply(key, "11"));
		for (const std::string &key : keys) {
			testbed.cache(key);
			client.send("incr " + key + " 1\r\n");
			client.receive();
			EXPECT_EQ(testbed.expect_truth(key), value_reply(key, "12"));
		}
	}
}

} // namespace
} // namespace prestack::test
