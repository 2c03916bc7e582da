// SPDX-License-Identifier: GPL-2.0-only
// The kernel answers the reads that it should, leaves the others to Redis, and both say the same.
#include "compared_client.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

class ServedReads : public RedisTest
{
protected:
	static RedisTestbed &testbed() { return RedisTestbed::shared(); }

	void expect_served(ComparedClient &compared, const std::vector<std::string> &words)
	{
		EXPECT_TRUE(eventually([&] { return compared.hits(words) || HasFailure(); }))
			<< "never answered by the kernel: " << words.front();
	}
	// Redis answers it, whatever is cached.
	void expect_passed(ComparedClient &compared, const std::vector<std::string> &words)
	{
		for (int round = 0; round < 3; ++round)
			EXPECT_FALSE(compared.hits(words))
				<< "answered by the kernel: " << words.front();
	}
};

TEST_F(ServedReads, TheFourReads)
{
	const std::string a = testbed().cached_key_in_both("one");
	const std::string b = testbed().cached_key_in_both("");
	const std::string c = testbed().cached_key_in_both(std::string("\0\r\n$3\r\n\xff", 8));
	const std::string absent = testbed().key();
	for (const int protocol : {2, 3}) {
		ComparedClient compared(testbed());
		if (protocol == 3)
			compared.ask_unlike("HELLO 3");
		compared.warm(a);
		for (const std::string &key : {a, b, c}) {
			expect_served(compared, {"GET", key});
			expect_served(compared, {"gEt", key});
			expect_served(compared, {"STRLEN", key});
			expect_served(compared, {"MGET", key});
			expect_served(compared, {"EXISTS", key});
		}
		expect_served(compared, {"MGET", a, b, c, a});
		expect_served(compared, {"EXISTS", a, b, c, a});
		// Nobody knows here that there is nothing.
		expect_passed(compared, {"GET", absent});
		expect_passed(compared, {"MGET", a, absent, b});
		expect_passed(compared, {"MGET", absent, a});
		expect_passed(compared, {"EXISTS", a, absent});
		expect_passed(compared, {"EXISTS", absent});
		expect_passed(compared, {"STRLEN", absent});
		expect_passed(compared, {"GET", a, b});
		expect_passed(compared, {"STRLEN", a, b});
		expect_passed(compared, {"GETRANGE", a, "0", "1"});
		expect_passed(compared, {"TYPE", a});
		expect_passed(compared, {"GETEX", a});
	}
}

TEST_F(ServedReads, SeveralInOneSegment)
{
	const std::string a = testbed().cached_key_in_both("one");
	const std::string b = testbed().cached_key_in_both("two");
	ComparedClient compared(testbed());
	compared.warm(a);
	const std::string reads = resp({"GET", a}) + resp({"MGET", a, b}) + resp({"STRLEN", b}) +
				  resp({"EXISTS", a, b}) + resp({"GET", b});
	const bool served = eventually([&] {
		const std::uint64_t before = testbed().count(PS_COUNT_stream_hits);
		compared.ask_bytes(reads, 5);
		return testbed().count(PS_COUNT_stream_hits) > before;
	});
	EXPECT_TRUE(served);
	// One that has to pass takes all with it, in order.
	const std::string mixed = resp({"GET", a}) + resp({"GET", testbed().key()}) +
				  resp({"GET", b}) + resp_line("INCR " + testbed().key());
	for (int round = 0; round < 3; ++round)
		compared.ask_bytes(mixed, 4);
}

TEST_F(ServedReads, KeysAndValuesOfAllSizes)
{
	ComparedClient compared(testbed());
	for (const std::size_t size : {1, 7, 8, 9, 100, 249, 250, 251, 300, 2'000, 70'000}) {
		const std::string key = testbed().key() + std::string(size, 'k');
		SCOPED_TRACE("a key with " + std::to_string(key.size()) + " bytes");
		testbed().write_both({"SET", key, "value"});
		for (int round = 0; round < 4; ++round) {
			compared.ask({"GET", key});
			compared.ask({"MGET", key, key});
			compared.ask({"EXISTS", key});
		}
	}
	for (const std::size_t size : {0, 1, 9, 10, 99, 100, 999, 1'000, 1'023, 1'024, 1'025, 1'400,
				       1'448, 1'500, 9'999, 10'000, 100'000, 1'000'000}) {
		const std::string key = testbed().key();
		SCOPED_TRACE("a value of " + std::to_string(size) + " bytes");
		testbed().write_both({"SET", key, std::string(size, 'v')});
		for (int round = 0; round < 6; ++round) {
			compared.ask({"GET", key});
			compared.ask({"STRLEN", key});
			compared.ask({"MGET", key, key});
		}
	}
	for (const std::string &key : {std::string(), std::string("\0", 1), std::string(" "),
				       std::string("\r\n"), std::string("\xff\xfe")}) {
		testbed().write_both({"SET", key, "of an odd key"});
		for (int round = 0; round < 4; ++round)
			compared.ask({"GET", key});
		testbed().write_both({"SET", key, "changed"});
		compared.ask({"GET", key});
		testbed().write_both({"DEL", key});
		compared.ask({"GET", key});
	}
}

TEST_F(ServedReads, OtherTypes)
{
	const std::string key = testbed().cached_key_in_both();
	ComparedClient compared(testbed());
	for (const char *make : {"LPUSH {k} a", "SADD {k} a", "HSET {k} f v", "ZADD {k} 1 a",
				 "XADD {k} 1-1 f v", "GEOADD {k} 1 1 a", "SETBIT {k} 1 1",
				 "PFADD {k} a", "INCRBYFLOAT {k} 1.5", "SET {k} 12345"}) {
		std::vector<std::string> words = test::words(make);
		words[1] = key;
		testbed().write_both({"DEL", key});
		testbed().write_both(words);
		for (int round = 0; round < 3; ++round) {
			for (const char *verb : {"GET", "MGET", "STRLEN", "EXISTS", "TYPE"})
				compared.ask({verb, key});
		}
	}
}

// What is no RESP, or nearly none. The servers answer and close, or not.
TEST_F(ServedReads, OddBytes)
{
	const std::string key = testbed().cached_key_in_both();
	const std::string get = resp({"GET", key});
	for (const std::string &bytes :
	     {std::string("*0\r\n"),
	      std::string("*-1\r\n"),
	      std::string("\r\n"),
	      std::string("\n"),
	      std::string("   \r\n"),
	      std::string("*1\r\n$4\r\nPING\r\n"),
	      std::string("*02\r\n$3\r\nGET\r\n$7\r\n" + key + "\r\n"),
	      std::string("*2\r\n$03\r\nGET\r\n$7\r\n" + key + "\r\n"),
	      std::string("*+2\r\n$3\r\nGET\r\n$7\r\n" + key + "\r\n"),
	      std::string("*2\r\n$3\r\nGET\r\n$-1\r\n"),
	      std::string("*2\r\n$3\r\nGET\r\n+x\r\n"),
	      std::string("*2\r\n$3\r\nGETxx$7\r\n" + key + "xx"),
	      std::string("*2\n$3\nGET\n$7\n" + key + "\n"),
	      std::string("*x\r\n"),
	      std::string("*2000000000\r\n"),
	      std::string("*99999999999999999999\r\n"),
	      std::string("*1\r\n$999999999999\r\n"),
	      std::string("*2\r\n\r\n"),
	      std::string("get \"" + key + "\"\r\n"),
	      std::string("get '" + key + "\r\n"),
	      std::string("get \"" + key + "\"x\r\n"),
	      std::string("\"get\" " + key + "\r\n"),
	      std::string("\0\0\r\n", 4),
	      std::string("GET\t" + key + "\r\n"),
	      std::string("POST / HTTP/1.1\r\nHost: " + key + "\r\n\r\n"),
	      std::string("Host: somewhere\r\n"),
	      std::string("$3\r\nGET\r\n")}) {
		SCOPED_TRACE(printable(bytes));
		ComparedClient compared(testbed());
		compared.warm(key);
		compared.send(get + bytes + get);
		std::string answers[2];
		int which = 0;
		for (TcpClient *client : {&compared.served(), &compared.alone()})
			answers[which++] = client->receive_to_end();
		EXPECT_EQ(printable(answers[0]), printable(answers[1]));
		// Whatever it was, it has taken nothing from the others.
		EXPECT_EQ(testbed().expect_truth(key), resp_bulk("old-value"));
	}
}

} // namespace
} // namespace prestack::test
