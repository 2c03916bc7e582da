// SPDX-License-Identifier: GPL-2.0-only
// The parser against a real server, with commands and bytes that nobody chose. PRESTACK_ROUNDS=<n> makes
// that n times as many.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server.hpp"
#include "stream_log.hpp"

namespace prestack::redis
{
namespace
{

using namespace std::string_literals;
using Words = std::vector<std::string>;

unsigned rounds()
{
	const char *text = std::getenv("PRESTACK_ROUNDS");
	return text != nullptr ? static_cast<unsigned>(std::atoi(text)) : 1;
}

class Chance
{
public:
	explicit Chance(unsigned seed) : engine_(seed) {}
	std::size_t below(std::size_t n) { return engine_() % n; }
	template <typename T>
	const T &one_of(const std::vector<T> &of)
	{
		return of[below(of.size())];
	}

private:
	std::mt19937 engine_;
};

// Those that end or change what is tested here, block, or whose replies are not counted.
const std::set<std::string> left_out = {
	"ASKING",  "BGREWRITEAOF", "BGSAVE",	 "BLMOVE",     "BLMPOP",    "BLPOP",
	"BRPOP",   "BRPOPLPUSH",   "BZMPOP",	 "BZPOPMAX",   "BZPOPMIN",  "CLIENT",
	"DEBUG",   "EXEC",	   "FAILOVER",	 "FUNCTION",   "MIGRATE",   "MODULE",
	"MONITOR", "MULTI",	   "PFSELFTEST", "PSUBSCRIBE", "PSYNC",	    "PUNSUBSCRIBE",
	"QUIT",	   "REPLCONF",	   "REPLICAOF",	 "RESET",      "SAVE",	    "SCRIPT",
	"SELECT",  "SHUTDOWN",	   "SLAVEOF",	 "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE",
	"SYNC",	   "UNSUBSCRIBE",  "WAIT",	 "ACL",	       "CONFIG",    "CLUSTER",
	"LATENCY", "MEMORY",	   "SLOWLOG",	 "PUBSUB",     "COMMAND"};

Words names()
{
	Words result;
	for (const rd_command &entry : rd_commands) {
		std::string name;
		for (const __u64 word : entry.name) {
			for (unsigned i = 0; i < 64 && (word >> i & 0xff) != 0; i += 8)
				name += static_cast<char>(word >> i & 0xff);
		}
		if (!name.empty() && !left_out.contains(name))
			result.push_back(name);
	}
	return result;
}

const Words keys = {"a", "b", "c", "d", "k", "n", "l", "h", "s", "z", "x", "g", "p"};
// What arguments are made of: each may also be a key.
const Words others = {
	"0",	   "1",	      "2",	"-1",	  "0.5",      "10",	"1-1",	    "*",
	"+",	   "-",	      "$",	">",	  "(1",	      "[a",	"STORE",    "STOREDIST",
	"GET",	   "SET",     "EX",	"PX",	  "EXAT",     "NX",	"XX",	    "KEEPTTL",
	"PERSIST", "LEFT",    "RIGHT",	"ASC",	  "ALPHA",    "BY",	"LIMIT",    "COUNT",
	"MATCH",   "STREAMS", "GROUP",	"MAXLEN", "WEIGHTS",  "MIN",	"MAX",	    "AND",
	"NOT",	   "u8",      "INCRBY", "DB",	  "REPLACE",  "m",	"km",	    "FROMMEMBER",
	"BYLEX",   "BYSCORE", "REV",	"IDX",	  "ENCODING", "BEFORE", "BYRADIUS", "return 1"};

const Words &all_keys()
{
	static const Words all = [] {
		Words result = keys;
		result.insert(result.end(), others.begin(), others.end());
		return result;
	}();
	return all;
}

// Each string's value and the time at which it expires, "" for what is none.
std::map<std::string, std::string> strings(const Connection &connection)
{
	Words words = {"EVAL",
		       "local r = {} "
		       "for i, k in ipairs(KEYS) do "
		       "  r[i] = '' "
		       "  if redis.call('TYPE', k).ok == 'string' then "
		       "    r[i] = redis.call('PEXPIRETIME', k) .. '|' .. redis.call('GET', k) "
		       "  end "
		       "end "
		       "r[#KEYS + 1] = 'the end' "
		       "return r",
		       std::to_string(all_keys().size())};
	words.insert(words.end(), all_keys().begin(), all_keys().end());
	connection.send(command(words));
	const std::string reply = connection.receive_until("$7\r\nthe end\r\n");
	std::map<std::string, std::string> result;
	std::size_t at = reply.find('\n') + 1;
	for (const std::string &key : all_keys()) {
		const std::size_t data = reply.find('\n', at) + 1;
		const std::size_t size = std::stoul(reply.substr(at + 1));
		result[key] = reply.substr(data, size);
		at = data + size + 2;
	}
	return result;
}

// Sees which keys one command is said to write.
class Written : public RequestLog
{
public:
	bool flushes() const { return flushes_; }
	bool writes(const std::string &key) const { return keys_.contains(key); }
	bool lasts(const std::string &key) const
	{
		const auto found = keys_.find(key);
		return found != keys_.end() && found->second;
	}

protected:
	void look(const ps_cursor &cursor, ps_message &message) override
	{
		RequestLog::look(cursor, message);
		flushes_ = flushes_ || event().kind == RD_EVENT_FLUSH;
		if (event().kind == RD_EVENT_WRITE)
			keys_[text(event().key, event().key_len)] = event().never_expires != 0;
	}

private:
	bool flushes_ = false;
	std::map<std::string, bool> keys_;
};

Words any_command(Chance &chance, const Words &from)
{
	Words words = {chance.one_of(from)};
	for (std::size_t left = chance.below(7); left > 0; --left)
		words.push_back(chance.below(2) == 0 ? chance.one_of(keys) : chance.one_of(others));
	return words;
}

TEST_F(RedisServer, NothingIsWrittenThatIsNotSaidToBe)
{
	const auto asked = connect(), watching = connect();
	const Words from = names();
	Chance chance(1);
	unsigned changes = 0, refused = 0;
	auto before = strings(*watching);
	for (unsigned i = 0; i < 4'000 * rounds() && !HasFailure(); ++i) {
		// Mostly there are strings to change.
		const std::string request =
			chance.below(4) == 0
				? command({"SET", chance.one_of(keys), chance.one_of(others)})
				: command(any_command(chance, from));
		Written written;
		written.read(request);
		ReplyLog replies;
		replies.read(command({"PING"}));
		asked->send(request + command({"ECHO", "the end"}));
		const std::string answer = asked->receive_until("$7\r\nthe end\r\n");
		refused += answer.starts_with('-');
		const auto after = strings(*watching);
		for (const auto &[key, value] : after) {
			const std::string &was = before.at(key);
			const bool expired =
				value.empty() && !was.empty() && !was.starts_with("-1");
			changes += value != was;
			EXPECT_TRUE(value == was || expired || written.writes(key) ||
				    written.flushes())
				<< testing::PrintToString(request) << " made " << was << " of "
				<< key << " " << value;
			if (written.lasts(key) && answer.starts_with("+OK")) {
				EXPECT_TRUE(value.starts_with("-1|"))
					<< testing::PrintToString(request) << ": " << value;
			}
		}
		before = after;
	}
	EXPECT_LT(500U, changes);
	EXPECT_GT(4'000 * rounds(), refused);
}

TEST_F(RedisServer, AnyCommandHasOneReply)
{
	const Words from = names();
	for (const char *version : {"2", "3"}) {
		Chance chance(2);
		for (unsigned i = 0; i < 20 * rounds() && !HasFailure(); ++i) {
			std::string stream = command({"HELLO", version});
			for (unsigned n = 0; n < 100; ++n)
				stream += command(any_command(chance, from));
			const auto connection = connect();
			connection->send(stream + command({"ECHO", "the end"}));
			const std::string all = connection->receive_until("$7\r\nthe end\r\n");
			RequestLog requests;
			for (const auto &piece : StreamReader::cut(stream, 1 + chance.below(2'000)))
				requests.read(piece);
			ReplyLog replies;
			for (const auto &piece : StreamReader::cut(all, 1 + chance.below(2'000)))
				replies.read(piece);
			EXPECT_FALSE(requests.lost());
			EXPECT_FALSE(replies.lost());
			EXPECT_EQ(101U, requests.replies());
			EXPECT_EQ(102U, replies.replies()) << testing::PrintToString(stream);
		}
	}
}

// Something that looks like requests.
std::string any_bytes(Chance &chance)
{
	const Words numbers = {"1",  "2",  "3",	 "0",  "-1", "4",
			       "01", "+1", " 1", "1 ", "",   "-0",
			       "-7", "1a", "00", "10", "x",  "99999999999999999999"};
	const Words ends = {"\r\n", "\r\n",   "\r\n", "\r\n", "\r\n", "\n",	 "\r",
			    "\rx",  "\r\r\n", "\n\r", "",     "\0"s,  "\r\n\r\n"};
	const Words words = {"PING",  "ping",	 "GET",	 "a",	  "SET",    "ECHO", "",	   "\"a\"",
			     "'a b'", "\"",	 "'",	 "\\x41", "GET\0"s, "\t",   " ",   "k\r\n",
			     "\x01",  "\"GET\"", "TIME", "*1",	  "$1",	    "\xff", "DEL", "MGET"};
	switch (chance.below(4)) {
	case 0: { // a line
		std::string line;
		for (std::size_t n = chance.below(4); n > 0; --n)
			line += chance.one_of(words) + std::string(chance.below(3), ' ');
		return line + chance.one_of(ends);
	}
	case 1: { // a command, one of whose bytes may be another one
		std::string text = command({chance.one_of(words), chance.one_of(words)});
		if (chance.below(2) == 0)
			text[chance.below(text.size())] = "\r\n*$0123 -\0ax"[chance.below(13)];
		return text;
	}
	case 2: { // lines of a command
		std::string text = "*" + chance.one_of(numbers) + chance.one_of(ends);
		for (std::size_t n = 1 + chance.below(2); n > 0; --n) {
			text += "$" + chance.one_of(numbers) + chance.one_of(ends);
			text += chance.one_of(words) + chance.one_of(ends);
		}
		return text;
	}
	}
	return command({chance.one_of(words), "k"});
}

TEST_F(RedisServer, BytesAreWhatTheServerTakesThemFor)
{
	Chance chance(3);
	unsigned understood = 0, broken = 0;
	for (unsigned i = 0; i < 4'000 * rounds() && !HasFailure(); ++i) {
		std::string stream;
		for (std::size_t n = 1 + chance.below(3); n > 0; --n)
			stream += any_bytes(chance);
		stream += command({"ECHO", "the end"});
		const auto connection = connect();
		connection->send(stream);
		connection->finish();
		const std::string all = connection->receive_until("nothing ends like this");
		RequestLog requests;
		for (const auto &piece : StreamReader::cut(stream, 1 + chance.below(50)))
			requests.read(piece);
		ReplyLog replies;
		replies.read(all);
		EXPECT_FALSE(replies.lost()) << testing::PrintToString(all);
		if (requests.lost()) {
			++broken;
			continue;
		}
		++understood;
		const std::string log = requests.log();
		const auto maybe = static_cast<unsigned>(std::count(log.begin(), log.end(), '?'));
		const bool agreed = replies.replies() >= requests.replies() &&
				    replies.replies() <= requests.replies() + maybe;
		// At a zero in a line the server waits for more of it, for ever.
		const bool waits = replies.replies() < requests.replies() &&
				   stream.find('\0') != std::string::npos;
		// It says so, and closes: what comes after that is not executed.
		const bool refused = all.find("-ERR Protocol error") != std::string::npos;
		EXPECT_TRUE(agreed || refused || waits)
			<< testing::PrintToString(stream) << ": " << log
			<< " but the server: " << testing::PrintToString(all);
		EXPECT_TRUE(!refused || log.find('?') != std::string::npos ||
			    all.find("unbalanced quotes") != std::string::npos)
			<< testing::PrintToString(stream) << ": " << log
			<< " but the server: " << testing::PrintToString(all);
	}
	EXPECT_LT(500U, understood);
	EXPECT_LT(500U, broken);
}

} // namespace
} // namespace prestack::redis
