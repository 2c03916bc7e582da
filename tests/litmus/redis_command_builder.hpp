// SPDX-License-Identifier: GPL-2.0-only
// The parts that Redis' write commands of one key are made of: values, times to live, and how the reply
// begins. Which command is made is redis_command.cpp's choice.
#pragma once

#include "redis_command.hpp"
#include "support/resp.hpp"
#include "value.hpp"

namespace prestack::test
{

class RedisCommandBuilder
{
protected:
	using Words = std::vector<std::string>;

	// Values of counters grow, and do not come again: as with memcached.
	static constexpr std::uint64_t most_set = 1ULL << 48;

	RedisCommandBuilder(Client &client, std::uint32_t key, const CommandOptions &options)
		: client_(client), key_(key), kind_(kind_of(key)), name_(key_name(key)),
		  options_(options), value_(whole_value())
	{
	}

	std::uint64_t below(std::uint64_t limit)
	{
		return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(client_.random());
	}

	// Not often what empties all of the cache, as far as prestack can tell: nothing else would be tested.
	bool may_flush() { return below(6) == 0; }

	// In any case.
	std::string verb(std::string name)
	{
		if (below(4) == 0) {
			for (char &each : name) {
				if (each >= 'A' && each <= 'Z' && below(2) == 0)
					each = static_cast<char>(each - 'A' + 'a');
			}
		}
		return name;
	}

	// What the key is to hold, with a new version.
	std::string whole_value_of(std::uint32_t key, std::uint64_t &version)
	{
		version = client_.next_version();
		const KeyKind kind = kind_of(key);
		if (kind == KeyKind::prepended)
			return addition_of(kind, version) + value_of(version);
		if (kind != KeyKind::counter)
			return value_of(version);
		version = (below(most_set) + most_set) * counter_unit;
		return std::to_string(version);
	}
	std::string whole_value() { return whole_value_of(key_, version_); }

	std::string life()
	{
		life_ = std::chrono::milliseconds{300 + below(900)};
		return std::to_string(life_.count());
	}

	Command made(std::string bytes, Effect effect, std::string done, const char *how) const
	{
		return make_command(key_, version_, std::move(bytes), effect, std::move(done), how);
	}
	Command stored(std::string bytes, const char *how, std::string done = "+OK") const
	{
		return made(std::move(bytes), Effect::store, std::move(done), how);
	}
	Command dies(Command command) const
	{
		command.lives = life_;
		return command;
	}

	// These commands as a transaction; `done` is how its replies begin.
	static Command transaction(Command command, const std::vector<Words> &commands)
	{
		command.bytes = resp({"MULTI"});
		for (const Words &each : commands)
			command.bytes += resp(each);
		command.bytes += resp({"EXEC"});
		command.replies = static_cast<unsigned>(commands.size()) + 2;
		command.done = "*" + std::to_string(commands.size()) + "\r\n" + command.done;
		return command;
	}

	// The value goes into a key of this client, and from there to where it belongs.
	Command by_scratch(const Words &then, std::string done, const char *how)
	{
		Command command =
			stored(resp({"SET", scratch(), value_}) + resp(then), how, std::move(done));
		command.replies = 2;
		return command;
	}
	std::string scratch() const { return "litmus-scratch-" + std::to_string(client_.id()); }

	// Any that is no mortal.
	std::uint32_t another_key()
	{
		std::uint32_t key = client_.any_key();
		while (key == key_ || kind_of(key) == KeyKind::mortal)
			key = client_.any_key();
		return key;
	}

	// Two keys by one command; `then` is what the script or the command begins with.
	Command store_two(const Words &begin, std::string done, const char *how)
	{
		Command command = stored("", how, std::move(done));
		const std::uint32_t other = another_key();
		std::uint64_t version = 0;
		const std::string value = whole_value_of(other, version);
		Words words = begin;
		words.insert(words.end(), {name_, value_, key_name(other), value});
		command.bytes = resp(words);
		command.more = {{other, version}};
		return command;
	}

	Client &client_;
	std::uint32_t key_;
	KeyKind kind_;
	std::string name_;
	std::uint64_t version_ = absent_version;
	const CommandOptions options_;
	std::string value_;
	std::chrono::milliseconds life_{0};
};

} // namespace prestack::test
