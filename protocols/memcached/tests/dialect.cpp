// SPDX-License-Identifier: GPL-2.0-only
// memcached's text protocol for the conformance suite. Over UDP each message has a frame header of
// eight bytes; over TCP there is none.
#include "conformance/dialect.hpp"

#include "binary_message.hpp"

#include <fmt/format.h>

namespace
{

using prestack::test::Item;
using prestack::test::Message;

std::string frame(std::uint16_t request, const std::string &text, unsigned total = 1,
		  unsigned sequence = 0)
{
	const unsigned words[] = {request, sequence, total, 0};
	std::string out;
	for (const unsigned word : words) {
		out += static_cast<char>(word >> 8);
		out += static_cast<char>(word);
	}
	return out + text;
}

std::string block(const Item &item)
{
	return fmt::format("VALUE {} {} {}\r\n{}\r\n", item.key, item.flags, item.value.size(),
			   item.value);
}

std::vector<Message> framed(std::vector<Message> messages)
{
	for (Message &message : messages)
		message.payload = frame(7, message.payload);
	return messages;
}

class Memcached : public prestack::test::Dialect
{
public:
	std::string_view plugin() const override { return "memcached"; }
	std::size_t most_keys() const override { return 64; }
	bool has_flags() const override { return true; }

	std::string read(std::uint16_t request, const std::vector<std::string> &keys) const override
	{
		std::string text = "get";
		for (const std::string &key : keys)
			text += " " + key;
		return frame(request, text + "\r\n");
	}
	// As memcached 1.6.18 does it: a datagram for each key, every one numbered 0 of 1.
	std::vector<std::string> reply(std::uint16_t request,
				       const std::vector<Item> &items) const override
	{
		std::vector<std::string> datagrams;
		for (const Item &item : items)
			datagrams.push_back(frame(request, block(item)));
		datagrams.back() += "END\r\n";
		return datagrams;
	}
	std::string hit(std::uint16_t request, const std::vector<Item> &items) const override
	{
		std::string text;
		for (const Item &item : items)
			text += block(item);
		return frame(request, text + "END\r\n");
	}
	std::vector<Message> writes(const std::string &key) const override
	{
		return framed(stream_writes(key));
	}
	std::vector<Message> stream_writes(const std::string &key) const override
	{
		std::vector<Message> all;
		for (const char *verb : {"set", "add", "replace", "append", "prepend"}) {
			all.push_back({verb, fmt::format("{} {} 0 0 1\r\nx\r\n", verb, key)});
			all.push_back({std::string(verb) + ", quiet",
				       fmt::format("{} {} 0 0 1 noreply\r\nx\r\n", verb, key)});
		}
		all.push_back({"cas", "cas " + key + " 0 0 1 77\r\nx\r\n"});
		for (const char *verb : {"incr", "decr", "touch"})
			all.push_back({verb, fmt::format("{} {} 1\r\n", verb, key)});
		all.push_back({"delete", "delete " + key + "\r\n"});
		all.push_back({"delete, quiet", "delete " + key + " noreply\r\n"});
		all.push_back({"gat", "gat 60 " + key + "\r\n"});
		all.push_back({"gats, second key", "gats 60 other " + key + "\r\n"});
		all.push_back({"meta set", "ms " + key + " 1\r\nx\r\n"});
		all.push_back({"meta set, quiet", "ms " + key + " 1 q T60\r\nx\r\n"});
		all.push_back({"meta delete", "md " + key + "\r\n"});
		all.push_back({"meta arithmetic", "ma " + key + "\r\n"});
		all.push_back({"meta get that touches", "mg " + key + " v T60\r\n"});
		all.push_back({"meta get that vivifies", "mg " + key + " v N60\r\n"});
		all.push_back({"after another command", "get other\r\nincr " + key + " 1\r\n"});
		all.push_back({"after a data block",
			       "set other 0 0 9\r\nget x y z\r\nincr " + key + " 1\r\n"});
		using prestack::memcached::binary_request;
		const std::string extras(8, '\0');
		all.push_back({"binary set", binary_request(0x01, extras, key, "x")});
		all.push_back({"binary add, quiet", binary_request(0x12, extras, key, "x")});
		all.push_back({"binary append", binary_request(0x0e, "", key, "x")});
		all.push_back({"binary delete", binary_request(0x04, "", key, "")});
		all.push_back(
			{"binary incr", binary_request(0x05, std::string(20, '\0'), key, "")});
		all.push_back(
			{"binary touch", binary_request(0x1c, std::string(4, '\0'), key, "")});
		all.push_back(
			{"binary, the second of two", binary_request(0x01, extras, "other", "x") +
							      binary_request(0x14, "", key, "")});
		all.push_back({"many blanks", "incr   " + key + "   1\r\n"});
		all.push_back({"bare newline", "incr " + key + " 1\n"});
		return all;
	}
	std::vector<Message> flushes() const override
	{
		// Over a stream the rest may come; after a datagram nobody knows what does.
		std::vector<Message> all = stream_flushes();
		all.push_back({"half a line", "set ke"});
		all.push_back({"a data block that goes on", "set other 0 0 100\r\nabc"});
		return framed(all);
	}
	std::vector<Message> stream_flushes() const override
	{
		return {{"flush_all", "flush_all\r\n"},
			{"flush_all, later", "flush_all 10 noreply\r\n"},
			{"cache_memlimit", "cache_memlimit 64\r\n"},
			{"slabs", "slabs reassign 1 2\r\n"},
			{"an unknown command", "shuffle all\r\n"},
			{"a binary request of no known kind",
			 std::string("\x80\x77\x00\x03", 4) + std::string(23, '\0')},
			{"a binary flush", std::string("\x80\x08", 2) + std::string(22, '\0')},
			{"a base64 key", "ms a2V5 1 b\r\nx\r\n"},
			{"a key that is too long",
			 "set " + std::string(251, 'k') + " 0 0 1\r\nx\r\n"}};
	}
	std::vector<Message> other_reads(const std::string &key) const override
	{
		return {{"gets", frame(7, "gets " + key + "\r\n")},
			{"meta get with a cas unique", frame(7, "mg " + key + " v c\r\n")},
			{"meta get in base64", frame(7, "mg " + key + " v b\r\n")},
			{"meta get, a flag twice", frame(7, "mg " + key + " v v\r\n")},
			{"meta get, two blanks", frame(7, "mg " + key + "  v\r\n")},
			{"meta get, bare newline", frame(7, "mg " + key + " v\n")},
			{"meta get, a long opaque",
			 frame(7, "mg " + key + " v O" + std::string(32, 'x') + "\r\n")},
			{"two meta gets", frame(7, "mg " + key + " v\r\nmg " + key + " v\r\n")},
			{"two reads", frame(7, "get " + key + "\r\nget " + key + "\r\n")},
			{"bare newline", frame(7, "get " + key + "\n")},
			{"two blanks", frame(7, "get  " + key + "\r\n")},
			{"stats", frame(7, "stats\r\n")},
			{"part of a message", frame(7, "get " + key + "\r\n", 2, 0)},
			{"second part of a message", frame(7, "get " + key + "\r\n", 2, 1)}};
	}
	std::vector<Message> odd_replies(std::uint16_t request, const Item &item) const override
	{
		const std::string head =
			fmt::format("VALUE {} {} {}", item.key, item.flags, item.value.size());
		const std::string data = "\r\n" + item.value + "\r\nEND\r\n";
		return {{"reply to gets", frame(request, head + " 12345" + data)},
			{"first of two datagrams", frame(request, head + data, 2, 0)},
			{"last of two datagrams", frame(request, head + data, 2, 1)},
			{"cut off", frame(request, head + "\r\n" + item.value)},
			{"longer than it says",
			 frame(request, head + "\r\n" + item.value + "xEND\r\n")},
			{"miss", frame(request, "END\r\n")},
			{"error", frame(request, "SERVER_ERROR out of memory\r\n")},
			{"no frame header", head + data}};
	}
};

const bool registered = prestack::test::register_dialect(std::make_unique<Memcached>());

} // namespace
