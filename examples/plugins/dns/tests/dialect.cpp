// SPDX-License-Identifier: GPL-2.0-only
// DNS for the conformance suite: a key is a name, a value the text of its TXT record.
#include "conformance/dialect.hpp"

#include <cctype>

#include "message.hpp"

namespace
{

using namespace std::string_literals;
using prestack::test::Item;
using prestack::test::Message;

char other_case(char c)
{
	const auto byte = static_cast<unsigned char>(c);
	if (byte >= 0x80) // letters are those of ASCII
		return c;
	return static_cast<char>(std::isupper(byte) ? std::tolower(byte) : std::toupper(byte));
}

class Dns : public prestack::test::Dialect
{
public:
	std::string_view plugin() const override { return "dns"; }
	// With four labels' lengths, the root's, type, class and a byte of flags these are PS_MAX_KEY.
	std::size_t longest_key() const override { return 240; }
	std::string key_bytes() const override { return every_byte_but(""); }
	// Without EDNS a message has 512 bytes.
	std::size_t longest_value() const override { return 400; }
	std::vector<std::string> spellings(const std::string &key) const override
	{
		std::string all = key, last = key;
		for (char &c : all)
			c = other_case(c);
		last.back() = other_case(last.back());
		if (all == key)
			return {};
		return {all, last};
	}

	std::string read(std::uint16_t request, const std::vector<std::string> &keys) const override
	{
		return dns::query(request, keys.at(0));
	}
	std::vector<std::string> reply(std::uint16_t request,
				       const std::vector<Item> &items) const override
	{
		return {hit(request, items)};
	}
	std::string hit(std::uint16_t request, const std::vector<Item> &items) const override
	{
		return dns::reply(request, items.at(0).key, items.at(0).value);
	}
	std::vector<Message> flushes() const override
	{
		return {{"an update", dns::query(7, "zone", 5 << 11)},
			{"a notification", dns::query(7, "zone", 4 << 11)},
			{"a reply", dns::query(7, "zone", 0x8000)},
			{"half a header", dns::query(7, "zone").substr(0, 6)}};
	}
	std::vector<Message> other_reads(const std::string &key) const override
	{
		return {{"of all types", dns::header(7, 0) + dns::question(key, 255)},
			{"a transfer", dns::header(7, 0) + dns::question(key, 252)},
			{"of another class", dns::header(7, 0) + dns::question(key, 16, 3)},
			{"of a larger size", dns::query_edns(7, key, dns::opt(4096))},
			{"with a cookie",
			 dns::query_edns(7, key, dns::opt(1232, 0, "\0\x0a\0\x08"s + "12345678"))},
			{"with a pointer",
			 dns::header(7, 0) + dns::word(0xc00c) + dns::word(16) + dns::word(1)},
			{"with more behind it", dns::query(7, key) + "x"}};
	}
	std::vector<Message> odd_replies(std::uint16_t request, const Item &item) const override
	{
		const std::string good = dns::reply(request, item.key, item.value);
		const std::string question = dns::question(item.key);
		const std::string header = dns::header(request, 0x8500, 1);
		return {{"truncated", dns::reply(request, item.key, item.value, 0x8700)},
			{"a failure", dns::reply(request, item.key, item.value, 0x8502)},
			{"without the question", header + dns::record(item.value)},
			{"of a name of its own", header + question + dns::name(item.key) +
							 dns::record(item.value).substr(2)},
			{"to a query with EDNS", dns::header(request, 0x8500, 1, 1) + question +
							 dns::record(item.value) + dns::opt()},
			{"to a query without recursion",
			 dns::reply(request, item.key, item.value, 0x8400)},
			{"half a header", good.substr(0, 6)}};
	}
};

const bool registered = prestack::test::register_dialect(std::make_unique<Dns>());

} // namespace
