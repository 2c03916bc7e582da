// SPDX-License-Identifier: GPL-2.0-only
#include "redis_command.hpp"

#include <array>

#include "redis_command_builder.hpp"

namespace prestack::test
{

namespace
{

// As memcached's: counters grow, and values do not come again.
constexpr std::uint64_t most_added = 1ULL << 38;
constexpr std::uint64_t most_subtracted = 1ULL << 28;
constexpr const char *far_away = "1000000"; // a time to live that no run sees the end of

// Makes commands of one key.
class RedisCommandGenerator : private RedisCommandBuilder
{
public:
	RedisCommandGenerator(Client &client, std::uint32_t key, const CommandOptions &options)
		: RedisCommandBuilder(client, key, options)
	{
	}

	Command set()
	{
		if (kind_ == KeyKind::mortal)
			return dies(
				stored(resp({verb("SET"), name_, value_, "PX", life()}), "SET PX"));
		return stored(resp({verb("SET"), name_, value_}), "SET");
	}

	Command any()
	{
		if (options_.flush)
			return flush();
		switch (kind_) {
		case KeyKind::mortal:
			return any_mortal();
		case KeyKind::counter:
			return below(2) == 0 ? count() : any_whole();
		case KeyKind::appended:
			return below(2) == 0 ? append() : any_whole();
		case KeyKind::prepended:
			return below(2) == 0 ? overwrite() : any_whole();
		case KeyKind::text:
			break;
		}
		return any_whole();
	}

private:
	// Stores a whole value, or erases.
	Command any_whole()
	{
		switch (below(5)) {
		case 0:
			return below(2) == 0 ? erase() : touch();
		case 1:
			return store_by_others();
		case 2:
			return store_together();
		default:
			return store_alone();
		}
	}

	Command store_alone()
	{
		switch (below(may_flush() ? 12 : 9)) {
		case 0:
			return stored(resp({verb("SET"), name_, value_, "EX", far_away}), "SET EX");
		case 1:
			return stored(resp({verb("SET"), name_, value_, "NX"}), "SET NX");
		case 2:
			return stored(resp({verb("SET"), name_, value_, "xx"}), "SET XX");
		case 3:
			return stored(resp({verb("SET"), name_, value_, "GET"}), "SET GET", "");
		case 4:
			return stored(resp({verb("SET"), name_, value_, "KEEPTTL"}), "SET KEEPTTL");
		case 5:
			return stored(resp({verb("GETSET"), name_, value_}), "GETSET", "");
		case 6:
			return stored(resp({verb("SETEX"), name_, far_away, value_}), "SETEX");
		case 7:
			return stored(resp({verb("SETNX"), name_, value_}), "SETNX", ":1");
		case 9:
			return stored("SET " + name_ + " " + value_ + "\r\n", "inline SET");
		case 10:
			// Replies cannot be counted any more then: each that leaves may flush.
			return options_.quiet && below(3) == 0 ? unanswered() : set();
		default:
			return set();
		}
	}

	Command unanswered()
	{
		Command command = stored(resp({"CLIENT", "REPLY", "SKIP"}) +
						 resp({verb("SET"), name_, value_}),
					 "SET, no reply");
		command.replied = false;
		return command;
	}

	Command store_by_others()
	{
		switch (below(may_flush() ? 5 : 3)) {
		case 0:
			return by_scratch({verb("RENAME"), scratch(), name_}, "+OK", "RENAME");
		case 1:
			return by_scratch({verb("RENAMENX"), scratch(), name_}, ":1", "RENAMENX");
		case 2:
			return by_scratch({verb("COPY"), scratch(), name_, "REPLACE"}, ":1",
					  "COPY");
		case 3:
			return stored(
				resp({verb("EVAL"), "return redis.call('SET', KEYS[1], ARGV[1])",
				      "1", name_, value_}),
				"EVAL");
		default:
			// It does not say which key it writes.
			return stored(
				resp({verb("EVAL"), "return redis.call('SET', ARGV[1], ARGV[2])",
				      "0", name_, value_}),
				"EVAL, no key");
		}
	}

	// With others, in one step.
	Command store_together()
	{
		switch (below(may_flush() ? 5 : 2)) {
		case 0:
			return store_two({verb("MSET")}, "+OK", "MSET");
		case 1:
			return store_two({verb("MSETNX")}, ":1", "MSETNX");
		case 2:
			return store_two(
				{verb("EVAL"), "return redis.call('MSET', unpack(ARGV))", "0"},
				"+OK", "EVAL of two");
		case 3:
			return transaction(stored("", "MULTI, SET and GET"),
					   {{"SET", name_, value_}, {"GET", name_}});
		default:
			return transaction(stored("", "MULTI, SET"), {{"SET", name_, value_}});
		}
	}

	Command count()
	{
		const bool adds = below(4) != 0;
		const char *name = adds ? "INCRBY" : "DECRBY";
		const std::uint64_t delta =
			(below(adds ? most_added : most_subtracted) + 1) * counter_unit;
		const Words words{verb(name), name_, std::to_string(delta)};
		switch (may_flush() ? below(2) : 2) {
		case 0:
			// A script's integers have 53 bits.
			return made(resp({verb("EVAL"),
					  "redis.call('INCRBY', KEYS[1], ARGV[1]) "
					  "return redis.call('GET', KEYS[1])",
					  "1", name_, (adds ? "" : "-") + words.back()}),
				    Effect::count, "$", "EVAL INCRBY");
		case 1:
			return transaction(made("", Effect::count, ":", "MULTI, INCRBY"), {words});
		default:
			return made(resp(words), Effect::count, ":", name);
		}
	}

	Command append()
	{
		const std::string added = addition_of(kind_, version_);
		switch (may_flush() ? below(2) : 2) {
		case 0:
			return stored(
				resp({verb("EVAL"), "return redis.call('APPEND', KEYS[1], ARGV[1])",
				      "1", name_, added}),
				"EVAL APPEND", ":");
		case 1:
			return transaction(stored("", "MULTI, APPEND", ":"),
					   {{"APPEND", name_, added}});
		default:
			return stored(resp({verb("APPEND"), name_, added}), "APPEND", ":");
		}
	}

	// What was prepended.
	Command overwrite()
	{
		return stored(resp({verb("SETRANGE"), name_, "0", addition_of(kind_, version_)}),
			      "SETRANGE", ":");
	}

	// Whatever these say, the key is not there any more.
	Command erase()
	{
		switch (below(6)) {
		case 0: {
			Command command = made("", Effect::erase, ":", "DEL of two");
			const std::uint32_t other = another_key();
			command.bytes = resp({verb("DEL"), name_, key_name(other)});
			command.more = {{other, absent_version}};
			return command;
		}
		case 1:
			return made(resp({verb("UNLINK"), name_}), Effect::erase, ":", "UNLINK");
		case 2:
			return made(resp({verb("GETDEL"), name_}), Effect::erase, "", "GETDEL");
		case 3:
			return made(resp({verb("PEXPIRE"), name_, "-1"}), Effect::erase, ":",
				    "PEXPIRE -1");
		case 4:
			// Refused if it is not there.
			return made(resp({verb("RENAME"), name_, scratch()}), Effect::erase, "+OK",
				    "RENAME away");
		default:
			return made(resp({verb("DEL"), name_}), Effect::erase, ":", "DEL");
		}
	}

	// Changes the time to live only; for prestack that is a write.
	Command touch()
	{
		const std::array<Words, 4> all{{{verb("PEXPIRE"), name_, "1000000000"},
						{verb("GETEX"), name_, "EX", far_away},
						{verb("GETEX"), name_, "PERSIST"},
						{verb("PERSIST"), name_}}};
		return made(resp(all.at(below(all.size()))), Effect::none, "", "touch");
	}

	// Nothing that would prolong its life.
	Command any_mortal()
	{
		switch (below(10)) {
		case 0:
			return erase_mortal();
		case 1:
		case 2: {
			life_ = std::chrono::milliseconds{100 + below(300)};
			return dies(made(
				resp({verb("PEXPIRE"), name_, std::to_string(life_.count()), "LT"}),
				Effect::shorten, ":1", "PEXPIRE LT"));
		}
		case 3:
			return dies(
				stored(resp({verb("PSETEX"), name_, life(), value_}), "PSETEX"));
		case 4: {
			const std::string px = life();
			return dies(transaction(stored("", "MULTI, SET and PEXPIRE"),
						{{"SET", name_, value_}, {"PEXPIRE", name_, px}}));
		}
		case 5:
			return dies(stored(
				resp({verb("EVAL"),
				      "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])",
				      "1", name_, value_, life()}),
				"EVAL SET PX"));
		default:
			return set();
		}
	}

	Command erase_mortal()
	{
		return below(2) == 0
			       ? made(resp({verb("DEL"), name_}), Effect::erase, ":", "DEL")
			       : made(resp({verb("GETDEL"), name_}), Effect::erase, "", "GETDEL");
	}

	Command flush()
	{
		constexpr const char *script = "return redis.call('FLUSHALL')";
		const std::array<Words, 4> all{{{verb("FLUSHALL")},
						{verb("FLUSHALL"), "ASYNC"},
						{verb("FLUSHDB")},
						{verb("EVAL"), script, "0"}}};
		return made(resp(all.at(below(all.size()))), Effect::erase_all, "+OK", "flush");
	}
};

} // namespace

Command any_redis_command(Client &client, std::uint32_t key, const CommandOptions &options)
{
	return RedisCommandGenerator(client, key, options).any();
}

Command redis_set(Client &client, std::uint32_t key)
{
	return RedisCommandGenerator(client, key, {}).set();
}

} // namespace prestack::test
