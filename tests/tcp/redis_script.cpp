// SPDX-License-Identifier: GPL-2.0-only
// What can be said to Redis: all whose reply follows from what the script has said before. Left out are
// random choices, times, the order of sets of strings, and what tells of other connections.
#include <array>

#include "protocol.hpp"
#include "script_generator.hpp"
#include "support/process.hpp"
#include "support/redis.hpp"
#include "support/resp.hpp"

namespace prestack::test
{

namespace
{

class RedisScriptGenerator : public ScriptGenerator
{
public:
	RedisScriptGenerator(std::uint64_t seed, unsigned number, const ScriptOptions &options)
		: ScriptGenerator(seed, number, options), protocol3_(one_in(3))
	{
	}

	std::string opening() const { return protocol3_ ? resp({"HELLO", "3"}) : ""; }

private:
	using Lines = std::vector<const char *>;

	std::string any_value()
	{
		return value({"\r\n", "$3\r\nGET\r\n", "*2\r\n$3\r\nGET\r\n", "+OK\r\n", "-ERR\r\n",
			      "\n"});
	}

	// One of the lines, with the placeholders filled in: {s} a key of a string, {n} {l} {t} {z} {h}
	// {x} {b} {p} {g} those of other kinds, {a} any of them, {r} one of a string or a shared one, {v} a value,
	// {#} a number.
	Command one_of(const Lines &lines, bool may_be_inline = true)
	{
		std::vector<std::string> words;
		for (std::string word : test::words(pick(lines))) {
			if (word == "{s}")
				word = key();
			else if (word == "{a}")
				word = any_kind();
			else if (word == "{r}")
				word = any_key();
			else if (word == "{v}")
				word = any_value();
			else if (const auto at = word.find("{#}"); at != std::string::npos)
				word.replace(at, 3, std::to_string(below(40)));
			else if (word.size() == 3 && word.front() == '{')
				word = kind(word[1]);
			words.push_back(std::move(word));
		}
		return command(words, may_be_inline);
	}

	std::string kind(char letter) const { return name() + "-" + letter; }
	std::string any_kind()
	{
		static constexpr std::string_view letters = "nltzhxbpg";
		return one_in(2) ? any_key() : kind(letters[below(letters.size())]);
	}

	// As an array, or now and then as a line. A line that writes flushes.
	Command command(const std::vector<std::string> &words, bool may_be_inline)
	{
		if (!may_be_inline || !one_in(10))
			return {resp(words)};
		std::string line;
		for (const std::string &word : words) {
			if (word.empty() || word.find_first_not_of(plain) != std::string::npos)
				return {resp(words)};
			line += (line.empty() ? "" : " ") + word;
		}
		return {line + (one_in(3) ? "\n" : "\r\n")};
	}

	Command first() override { return {resp({"SET", keys()[0], any_value()})}; }
	Command simple_read() override { return {resp({one_in(9) ? "get" : "GET", any_key()})}; }
	Command closing_command() override { return {resp({"QUIT"})}; }
	Ending usual_ending() const override { return Ending::late_half_close; }

	Command read() override
	{
		if (one_in(2)) {
			std::vector<std::string> words{one_in(4) ? "EXISTS" : "MGET"};
			for (auto n = 1 + below(one_in(8) ? 70 : 6); n > 0; --n)
				words.push_back(any_key());
			return {resp(words)};
		}
		static const Lines lines{"STRLEN {r}",
					 "STRLEN {r}",
					 "EXISTS {r}",
					 "GETRANGE {r} 1 {#}",
					 "TYPE {a}",
					 "SUBSTR {r} 0 -1",
					 "GETBIT {b} {#}",
					 "BITCOUNT {b}",
					 "BITPOS {b} 1",
					 "BITFIELD_RO {b} GET u8 {#}",
					 "LRANGE {l} 0 -1",
					 "LLEN {l}",
					 "LINDEX {l} {#}",
					 "LPOS {l} {#}",
					 "SCARD {t}",
					 "SMEMBERS {t}",
					 "SISMEMBER {t} {#}",
					 "SMISMEMBER {t} 1 2 3",
					 "ZRANGE {z} 0 -1 WITHSCORES",
					 "ZSCORE {z} {#}",
					 "ZCARD {z}",
					 "ZCOUNT {z} 3 20",
					 "ZRANK {z} {#}",
					 "HGETALL {h}",
					 "HGET {h} f{#}",
					 "HLEN {h}",
					 "HMGET {h} f1 f2",
					 "XRANGE {x} - +",
					 "XLEN {x}",
					 "PFCOUNT {p}",
					 "GEOPOS {g} a b",
					 "GEODIST {g} a b km",
					 "GEOHASH {g} a",
					 "OBJECT ENCODING {a}",
					 "OBJECT REFCOUNT {a}",
					 "SORT_RO {l} ALPHA",
					 "DUMP {n}",
					 "ECHO {v}",
					 "PING",
					 "PING {v}",
					 "COMMAND COUNT",
					 "CLIENT GETNAME",
					 "CLIENT SETNAME somebody",
					 "CONFIG GET maxmemory-samples",
					 "GEOSEARCH {g} FROMLONLAT 15 37 BYRADIUS 200 km ASC",
					 "ZSCORE {a} x",
					 "GET {a}",
					 "MGET {a} {a} {a}",
					 "LLEN {a}",
					 "XREAD COUNT 2 STREAMS {x} 0",
					 "ZRANDMEMBER {s}-none",
					 "TOUCH {a} {a}",
					 "ZUNION 2 {z} {z}",
					 "SINTERCARD 1 {t}"};
		return one_of(lines);
	}

	// Each by its keys: it leaves what others have cached alone.
	Command change() override
	{
		static const Lines strings{"SET {s} {v}",
					   "SET {s} {v}",
					   "SET {s} {v}",
					   "set {s} {v} EX 1000",
					   "SET {s} {v} PXAT 99999999999999",
					   "SET {s} {v} NX",
					   "SET {s} {v} XX GET",
					   "SET {s} {v} KEEPTTL",
					   "SETEX {s} 1000 {v}",
					   "PSETEX {s} 1000000 {v}",
					   "SETNX {s} {v}",
					   "GETSET {s} {v}",
					   "GETDEL {s}",
					   "GETEX {s}",
					   "GETEX {s} EXAT 99999999999",
					   "GETEX {s} PERSIST",
					   "MSET {s} {v} {s} {v}",
					   "MSETNX {s} {v} {s} {v}",
					   "APPEND {s} {v}",
					   "SETRANGE {s} {#} {v}",
					   "DEL {s}",
					   "DEL {s} {s} {a}-none",
					   "UNLINK {s}",
					   "RENAME {s} {s}",
					   "RENAMENX {s} {s}",
					   "COPY {s} {s} REPLACE",
					   "COPY {s} {s}",
					   "EXPIRE {s} 1000",
					   "EXPIREAT {s} 99999999999",
					   "PEXPIREAT {s} 1",
					   "EXPIRE {s} -1 NX",
					   "PERSIST {s}",
					   "SET {n} {#}",
					   "INCR {n}",
					   "DECR {n}",
					   "INCRBY {n} {#}",
					   "DECRBY {n} {#}",
					   "INCRBYFLOAT {n} 0.5",
					   "INCR {s}",
					   "SETBIT {b} {#} 1",
					   "SETBIT {s} {#} 0",
					   "BITFIELD {b} INCRBY u8 {#} 7",
					   "BITOP NOT {s} {b}",
					   "BITOP OR {b} {b} {s}"};
		static const Lines others{"LPUSH {l} {#} {v}",
					  "RPUSH {l} {#}",
					  "LPOP {l}",
					  "RPOP {l} 2",
					  "LTRIM {l} 0 9",
					  "LINSERT {l} BEFORE {#} x",
					  "LSET {l} 0 {v}",
					  "LMOVE {l} {l} LEFT RIGHT",
					  "RPOPLPUSH {l} {l}",
					  "BLPOP {l} 0.01",
					  "LREM {l} 0 {#}",
					  "SADD {t} {#} {#} {#}",
					  "SREM {t} {#}",
					  "SMOVE {t} {t} {#}",
					  "SUNIONSTORE {s} {t}",
					  "SINTERSTORE {s} {t} {t}",
					  "ZADD {z} {#} {#} {#} {#}",
					  "ZINCRBY {z} 1 {#}",
					  "ZREM {z} {#}",
					  "ZPOPMIN {z}",
					  "ZRANGESTORE {s} {z} 0 -1",
					  "ZREMRANGEBYRANK {z} 0 0",
					  "HSET {h} f{#} {#}",
					  "HSET {h} f1 x f2 y",
					  "HDEL {h} f{#}",
					  "HINCRBY {h} n {#}",
					  "HSETNX {h} f3 x",
					  "XADD {x} 1-{#} f {v}",
					  "XTRIM {x} MAXLEN 3",
					  "XDEL {x} 1-{#}",
					  "PFADD {p} {#} {#}",
					  "PFMERGE {s} {p}",
					  "PFADD {s} x",
					  "GEOADD {g} 13.36 38.11 a 15.08 37.50 b",
					  "DEL {l}",
					  "DEL {t} {z} {h} {x}",
					  "LPUSH {s} x",
					  "SADD {s} 1",
					  "RENAME {l} {s}",
					  "RENAME {s} {l}",
					  "GEOSEARCHSTORE {s} {g} FROMMEMBER a BYRADIUS 300 km",
					  "XGROUP CREATE {x} group 0 MKSTREAM",
					  "XGROUP DESTROY {x} group"};
		return one_of(one_in(3) ? others : strings, options().unknown);
	}

	Command odd() override
	{
		static const Lines lines{"NOSUCH {v}",
					 "GET",
					 "SET {s}",
					 "MGET",
					 "SELECT 99999",
					 "SELECT x",
					 "SORT {t} STORE {s}",
					 "SORT {l} ALPHA",
					 "ZUNIONSTORE {s} 2 {z} {z}",
					 "GEORADIUS {g} 15 37 300 km STORE {s}",
					 "SCRIPT EXISTS x",
					 "WAIT 0 0",
					 "OBJECT HELP",
					 "SUBSCRIBE",
					 "AUTH",
					 "EXEC",
					 "DISCARD",
					 "RESET",
					 "LMPOP 1 {l} LEFT",
					 "SET {s} {v} EX 0",
					 "COPY {s} {s} DB 1 REPLACE",
					 "MOVE {s} 1",
					 "SINTERSTORE {s} {a}",
					 "XGROUP CREATE {x} group 0 MKSTREAM",
					 "XGROUP DESTROY {x} group"};
		switch (below(8)) {
		case 0:
			return {resp({"EVAL",
				      "redis.call('SET', KEYS[1], ARGV[1]) "
				      "return redis.call('GET', KEYS[1])",
				      "1", key(), any_value()})};
		case 1:
			return together({{"MULTI"},
					 {"SET", key(), any_value()},
					 {"GET", key()},
					 {"MGET", key(), any_key()},
					 {"EXEC"}});
		case 2:
			return together({{"WATCH", key()},
					 {"GET", any_key()},
					 {"MULTI"},
					 {"DEL", key()},
					 {one_in(2) ? "EXEC" : "DISCARD"}});
		case 3:
			return together({{"SELECT", "1"},
					 {"GET", key()},
					 {"SET", key(), any_value()},
					 {"SELECT", one_in(3) ? "1" : "0"}});
		case 4:
			return together({{"SUBSCRIBE", name()},
					 {"PSUBSCRIBE", name() + "*"},
					 {"UNSUBSCRIBE", name()},
					 {"PUNSUBSCRIBE"}});
		case 5:
			return {resp({"CLIENT", "REPLY", "SKIP"}) +
					resp({"SET", key(), any_value()}),
				0};
		default:
			return one_of(lines);
		}
	}

	static Command together(const std::vector<std::vector<std::string>> &commands)
	{
		Command all{"", 0};
		for (const auto &words : commands) {
			all.bytes += resp(words);
			++all.replies;
		}
		return all;
	}

	static constexpr const char *plain =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	const bool protocol3_;
};

Script make_script(std::uint64_t seed, unsigned number, const ScriptOptions &options)
{
	RedisScriptGenerator generator(seed, number, options);
	Script script = generator.write();
	script.opening = generator.opening();
	return script;
}

std::vector<std::string> shared_items()
{
	std::mt19937_64 random(7);
	std::vector<std::string> commands;
	for (unsigned i = 0; i < shared_keys; ++i)
		commands.push_back(resp({"SET", shared_key(i), shared_value(random)}));
	return commands;
}

std::unique_ptr<Server> start(const Netns &ns, const std::vector<std::string> &addresses)
{
	return std::make_unique<Redis>(ns, RedisOptions{.addresses = addresses});
}

} // namespace

const Protocol redis_protocol{
	.service = redis_service(),
	.start = start,
	.reply_length = resp_reply_length,
	.make_script = make_script,
	.shared_items = shared_items,
	.first_read = resp({"GET", shared_key(0)}),
	.closing_request = resp({"QUIT"}),
	.closing_reply = "+OK\r\n",
};

} // namespace prestack::test
