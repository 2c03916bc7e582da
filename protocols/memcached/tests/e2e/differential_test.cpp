// SPDX-License-Identifier: GPL-2.0-only
// Is the parser's reading of a stream safe? Whatever it says no command may change must be unchanged
// in a real memcached that was sent the same bytes: value, flags, expiry, cas unique, existence.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "../parsing.hpp"
#include "command_generator.hpp"
#include "support/memcached.hpp"
#include "support/tcp_client.hpp"
#include "support/text_protocol.hpp"

namespace prestack::memcached
{
namespace
{

using namespace std::string_literals;
using test::printable;
using test::TcpClient;

constexpr unsigned kStreams =
	3000; // of generated ones; PRESTACK_DIFFERENTIAL_STREAMS asks for more
constexpr std::uint64_t kSeed = 20230118; // PRESTACK_DIFFERENTIAL_SEED

std::uint64_t setting(const char *name, std::uint64_t otherwise)
{
	const char *text = std::getenv(name);
	return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Differential : public testing::Test
{
protected:
	struct Counts {
		unsigned understood = 0; // streams that do not flush
		unsigned changed = 0; // keys that the server changed, as foreseen
		unsigned spared = 0; // keys left alone in streams that write
	};

	// Sends the stream to the server and compares.
	void check(const std::string &stream, Counts &counts)
	{
		const auto &keys = CommandGenerator::keys();
		std::string reset = "flush_all\r\n";
		for (const std::string &key : keys)
			reset += test::store(key, "100", 7);
		control_.ask(reset, 1 + static_cast<unsigned>(keys.size()));
		const auto before = items();

		TcpClient client(ns_, endpoint_);
		client.send(stream);
		client.receive_to_end();
		const auto after = items();

		const Effect effect = observe(Input(stream));
		counts.understood += !effect.everything;
		for (std::size_t i = 0; i < before.size(); ++i) {
			const std::string key = i < keys.size() ? keys[i] : "absent";
			if (effect.may_change(key)) {
				counts.changed += before[i] != after[i];
				continue;
			}
			counts.spared += !effect.keys.empty();
			EXPECT_EQ(before[i], after[i])
				<< "key " << printable(key, 10)
				<< " was changed by a stream that, to the "
				<< "parser, writes only {" << printable(effect.keys) << "}:\n"
				<< printable(stream, PS_IN_SIZE);
		}
	}

private:
	// What the server knows of each key, and of one that is never stored beforehand.
	std::vector<std::string> items()
	{
		const auto &keys = CommandGenerator::keys();
		std::vector<std::string> result;
		for (const std::string &key : keys)
			result.push_back(control_.ask("mg " + key + " t f c v\r\n"));
		result.push_back(control_.ask("mg absent t f c v\r\n"));
		return result;
	}

	test::Netns ns_{"parser"};
	test::Memcached server_{ns_, {.addresses = {"127.0.0.1"}}};
	test::Endpoint endpoint_{"127.0.0.1", 11211};
	TcpClient control_{ns_, endpoint_};
};

// Where memcached's idea of a line, of words or of data is known to be its own. {n} stands for the
// length of what a following line holds, which may be data or a command.
const std::string kOdd[] = {
	// what ends a line, and a word
	"get q\r\r\ndelete k\r\n"s,
	"get q\ndelete k\n"s,
	"\r\ndelete k\r\n"s,
	"get q\0\r\ndelete k\r\n"s,
	"get q\rdelete k\r\n"s,
	"delete k\0k2\r\n"s,
	"delete\0k\r\n"s,
	"delete k\t\r\n"s,
	"delete\tk\r\n"s,
	"delete \tk\r\n"s,
	" delete k\r\n"s,
	"delete k\r\r\n"s,
	// how many words: 24 at once, then the rest
	"gat 50 q q q q q q q q q q q q q q q q q q q q q q q q q k\r\n"s,
	"gat 50 q q q q q q q q q q q q q q q k\r\n"s,
	"gat 50 q q q q q q q q q q q q q q k\r\n"s,
	"gats 50 q k2 " + std::string(251, 'L') + " k\r\n",
	"get q q q q q q q q q q q q q q q q q q q q q q q q q q\r\ndelete k\r\n"s,
	"delete k 0 0 0 0\r\n"s,
	"incr k 1 2 3 4\r\n"s,
	"touch k 1 2 3\r\n"s,
	// numbers
	"incr k -1\r\n"s,
	"incr k 18446744073709551615\r\n"s,
	"incr k 18446744073709551616\r\n"s,
	"decr k  0x10\r\n"s,
	"touch k -1\r\n"s,
	"gat -1 k k2\r\n"s,
	"verbosity 1 2 3\r\ndelete k\r\n"s,
	"verbosity x\r\ndelete k\r\n"s,
	// data that is or is not read
	"set q 0 0 {n} noreply x\r\nincr k 1\r\n"s,
	"set q 2147483648 2147483648 {n}\r\nincr k 1\r\n"s,
	"set q 0 9999999999 {n}\r\nincr k 1\r\n"s,
	"set q 0 0 4294967304\r\nincr k 1\r\n"s,
	"set q 0 0 2147483645\r\nincr k 1\r\n"s,
	"set q 0 0 2000000\r\nincr k 1\r\n"s,
	"set k 0 0 2000000\r\nincr k2 1\r\n"s,
	"set q 0 0 0{n}\r\nincr k 1\r\n"s,
	"set q 0 0 {n}\t\r\nincr k 1\r\n"s,
	"set q 0 0 1\r\nincr k 1\r\n"s, // bad data chunk: what remains is a command
	"set q 0 0 0\r\nincr k 1\r\n"s,
	"cas q 0 0 {n} 18446744073709551615\r\nincr k 1\r\n"s,
	"cas q 0 0 {n} 18446744073709551616\r\nincr k 1\r\n"s,
	"cas q 0 0 {n} 00000000000000000001\r\nincr k 1\r\n"s,
	"append q 0 0 {n}\r\nincr k 1\r\n"s,
	"ms q {n} FX\r\nincr k 1\r\n"s,
	"ms q {n} T0 T0\r\nincr k 1\r\n"s,
	"ms q {n} MX\r\nincr k 1\r\n"s,
	"ms q {n} O12345678901234567890123456789012345\r\nincr k 1\r\n"s,
	"ms q {n} v v v v v v v v v v v v v v v v v v\r\nincr k 1\r\n"s,
	"ms q {n} a c d e f g h i j k l m n o p\r\nincr k 1\r\n"s,
	"ms q 4294967304\r\nincr k 1\r\n"s,
	"ms q 2000000\r\nincr k 1\r\n"s,
	"ms q S{n}\r\nincr k 1\r\n"s,
	"ms aw== {n} b\r\nincr k2 1\r\n"s,
	"ms aw== {n} b b\r\nincr k2 1\r\n"s,
	// meta commands without data, and their errors
	"mg k T50 T50\r\n"s,
	"mg k v ! T50\r\n"s,
	"mg k v T50\r\n"s,
	"mg k v O12345678901234567890123456789012345\r\nincr k2 1\r\n"s,
	"mg absent N50\r\n"s,
	"mg aw== b T50\r\n"s,
	"mg k b\r\nmg k2 b1 T50\r\n"s,
	"md aw== b\r\n"s,
	"md k I\r\nmg k\r\nmg k v\r\n"s,
	"ma k N50 J1\r\nma absent N50 J1\r\n"s,
	"mn\r\nmn x\r\nmd k\r\n"s,
	"me k b\r\nme k\r\nmd k2\r\n"s,
	// lines longer than memcached waits for
	"get " + std::string(2030, 'L') + "\r\n",
	std::string(2030, 'L') + "\r\ndelete k\r\n",
	// the end of a connection
	"quit\r\ndelete k\r\n"s,
	"x HTTP/1.0\r\ndelete k\r\n"s,
	"shutdown\r\ndelete k\r\n"s,
	"\x80\x04\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0k"s, // binary: delete
	"get q\r\n\x80\x04\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0k"s,
};

TEST_F(Differential, OddStreams)
{
	Counts counts;
	for (std::string stream : kOdd) {
		const auto at = stream.find("{n}");
		if (at != std::string::npos) {
			const auto data = stream.find('\n', at) + 1;
			stream.replace(at, 3, std::to_string(stream.find('\r', data) - data));
		}
		check(stream, counts);
	}
}

TEST_F(Differential, GeneratedStreams)
{
	const std::uint64_t seed = setting("PRESTACK_DIFFERENTIAL_SEED", kSeed);
	const std::uint64_t streams = setting("PRESTACK_DIFFERENTIAL_STREAMS", kStreams);
	CommandGenerator generator(seed);
	Counts counts;
	for (std::uint64_t i = 0; i < streams && !HasFailure(); ++i) {
		SCOPED_TRACE("seed " + std::to_string(seed) + ", stream " + std::to_string(i));
		check(generator.stream(), counts);
	}
	// The test means something only if the generator hits what the parser understands.
	RecordProperty("understood", static_cast<int>(counts.understood));
	RecordProperty("changed", static_cast<int>(counts.changed));
	RecordProperty("spared", static_cast<int>(counts.spared));
	if (!HasFailure()) {
		EXPECT_GT(counts.understood, streams / 5);
		EXPECT_GT(counts.changed, streams / 4);
		EXPECT_GT(counts.spared, streams / 4);
	}
}

} // namespace
} // namespace prestack::memcached
