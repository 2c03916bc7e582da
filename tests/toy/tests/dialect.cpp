// SPDX-License-Identifier: GPL-2.0-only
// The toy protocol for the conformance suite.
#include "conformance/dialect.hpp"

#include <fmt/format.h>

namespace
{

using prestack::test::Item;
using prestack::test::Message;

class Toy : public prestack::test::Dialect
{
public:
	std::string_view plugin() const override { return "toy"; }

	std::string read(std::uint16_t request, const std::vector<std::string> &keys) const override
	{
		return fmt::format("{:04x} G {}\n", request, keys.at(0));
	}
	std::vector<std::string> reply(std::uint16_t request,
				       const std::vector<Item> &items) const override
	{
		return {hit(request, items)};
	}
	std::string hit(std::uint16_t request, const std::vector<Item> &items) const override
	{
		return fmt::format("{:04x} V {} {}\n", request, items.at(0).key, items.at(0).value);
	}
	std::vector<Message> writes(const std::string &key) const override
	{
		return {{"set", "0007 S " + key + " new\n"},
			{"set to nothing", "0007 S " + key + " \n"}};
	}
	std::vector<Message> flushes() const override
	{
		return {{"another verb", "0007 D key\n"},
			{"no number", "G key\n"},
			{"an upper-case number", "00FF G key\n"},
			{"no newline", "0007 S key new"},
			{"one byte", "0"}};
	}
	std::vector<Message> odd_replies(std::uint16_t request, const Item &item) const override
	{
		const std::string start = fmt::format("{:04x} ", request);
		return {{"none", start + "N\n"},
			{"stored", start + "OK\n"},
			{"no newline", start + "V " + item.key + " " + item.value},
			{"no number", "V " + item.key + " " + item.value + "\n"}};
	}
};

const bool registered = prestack::test::register_dialect(std::make_unique<Toy>());

} // namespace
