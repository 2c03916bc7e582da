// SPDX-License-Identifier: GPL-2.0-only
// Redis for the conformance suite: streams alone.
#include "conformance/dialect.hpp"

namespace
{

using prestack::test::Item;
using prestack::test::Message;

std::string bulk(const std::string &text)
{
	return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string command(const std::vector<std::string> &words)
{
	std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
	for (const std::string &word : words)
		bytes += bulk(word);
	return bytes;
}

class Redis : public prestack::test::Dialect
{
public:
	std::string_view plugin() const override { return "redis-experimental"; }
	std::size_t most_keys() const override { return 64; }
	bool has_datagrams() const override { return false; }

	std::string read(std::uint16_t /*request*/,
			 const std::vector<std::string> &keys) const override
	{
		std::vector<std::string> words{keys.size() == 1 ? "GET" : "MGET"};
		words.insert(words.end(), keys.begin(), keys.end());
		return command(words);
	}
	std::vector<std::string> reply(std::uint16_t request,
				       const std::vector<Item> &items) const override
	{
		return {hit(request, items)};
	}
	std::string hit(std::uint16_t /*request*/, const std::vector<Item> &items) const override
	{
		std::string bytes =
			items.size() == 1 ? "" : "*" + std::to_string(items.size()) + "\r\n";
		for (const Item &item : items)
			bytes += bulk(item.value);
		return bytes;
	}

	std::vector<Message> stream_writes(const std::string &key) const override
	{
		std::vector<Message> all;
		for (const char *name : {"DEL", "unlink", "INCR", "GETDEL", "PERSIST", "PFCOUNT"})
			all.push_back({name, command({name, key})});
		for (const char *name :
		     {"SET", "SETNX", "GETSET", "APPEND", "INCRBY", "EXPIRE", "PEXPIREAT", "MOVE"})
			all.push_back({name, command({name, key, "7"})});
		for (const char *name : {"SETEX", "SETRANGE", "SETBIT", "RESTORE"})
			all.push_back({name, command({name, key, "7", "0"})});
		all.push_back({"SET with options", command({"SET", key, "x", "PX", "9", "GET"})});
		all.push_back({"DEL, second key", command({"DEL", "other", key})});
		all.push_back({"MSET, second key", command({"MSET", "other", "x", key, "y"})});
		all.push_back({"RENAME to it", command({"RENAME", "other", key})});
		all.push_back({"COPY to it", command({"COPY", "other", key, "REPLACE"})});
		all.push_back({"BITOP", command({"BITOP", "NOT", key, "other"})});
		all.push_back({"SUNIONSTORE", command({"SUNIONSTORE", key, "a", "b"})});
		all.push_back({"after another command", command({"PING"}) + command({"DEL", key})});
		all.push_back(
			{"in another database", command({"SELECT", "1"}) + command({"DEL", key})});
		return all;
	}
	std::vector<Message> stream_flushes() const override
	{
		return {{"FLUSHALL", command({"FLUSHALL"})},
			{"SWAPDB", command({"SWAPDB", "0", "1"})},
			{"EVAL", command({"EVAL", "return 1", "0"})},
			{"EXEC", command({"MULTI"}) + command({"EXEC"})},
			{"an unknown command", command({"SHUFFLE", "all"})},
			{"an inline write", "del key\r\n"},
			{"an inline write in quotes", "\"del\" key\r\n"},
			{"a number that is none", "*x\r\n"},
			{"a bulk that is none", "*2\r\n$3\r\nGET\r\n+OK\r\n"}};
	}
	std::vector<Message> other_reads(const std::string &key) const override
	{
		return {{"GETRANGE", command({"GETRANGE", key, "0", "1"})},
			{"TYPE", command({"TYPE", key})},
			{"TTL", command({"TTL", key})},
			{"HGET", command({"HGET", key, "field"})},
			{"inline", "GET " + key + "\r\n"}};
	}
	std::vector<Message> odd_replies(std::uint16_t /*request*/, const Item &item) const override
	{
		return {{"none", "$-1\r\n"},
			{"none in RESP3", "_\r\n"},
			{"an error", "-WRONGTYPE Operation against a key\r\n"},
			{"a status", "+QUEUED\r\n"},
			{"a number", ":1\r\n"},
			{"an array", "*1\r\n" + bulk(item.value)},
			{"a verbatim string", "=9\r\ntxt:" + item.value + "\r\n"},
			{"no RESP", item.value + "\r\n"}};
	}
};

const bool registered = prestack::test::register_dialect(std::make_unique<Redis>());

} // namespace
