// SPDX-License-Identifier: GPL-2.0-only
// The protocol for the conformance suite.
#include "conformance/dialect.hpp"

namespace
{

using prestack::test::Item;
using prestack::test::Message;

class Sample : public prestack::test::Dialect
{
public:
	std::string_view plugin() const override { return "sample"; }
	bool has_datagrams() const override { return false; }
	// Segments that the core puts together are no longer than its window: "VALUE " and a newline too.
	std::string value_bytes() const override { return every_byte_but("\n"); }

	std::string read(std::uint16_t /*request*/,
			 const std::vector<std::string> &keys) const override
	{
		return "get " + keys.at(0) + "\n";
	}
	std::vector<std::string> reply(std::uint16_t request,
				       const std::vector<Item> &items) const override
	{
		return {hit(request, items)};
	}
	std::string hit(std::uint16_t /*request*/, const std::vector<Item> &items) const override
	{
		return "VALUE " + items.at(0).value + "\n";
	}
	std::vector<Message> stream_writes(const std::string &key) const override
	{
		return {{"set", "set " + key + " new\n"},
			{"set to nothing", "set " + key + " \n"},
			{"a long set", "set " + key + " " + std::string(1200, 'x') + "\n"},
			{"after another command", "get other\nset " + key + " new\n"}};
	}
	std::vector<Message> stream_flushes() const override
	{
		return {{"clear", "clear\n"},
			{"an unknown command", "shuffle\n"},
			{"two keys", "get key other\n"},
			{"an empty line", "\n"}};
	}
	std::vector<Message> odd_replies(std::uint16_t /*request*/,
					 const Item & /*item*/) const override
	{
		return {{"none", "NONE\n"}, {"an error", "ERROR no memory\n"}, {"stored", "OK\n"}};
	}
};

const bool registered = prestack::test::register_dialect(std::make_unique<Sample>());

} // namespace
