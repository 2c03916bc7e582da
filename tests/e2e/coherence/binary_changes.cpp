// SPDX-License-Identifier: GPL-2.0-only
#include "change.hpp"

namespace prestack::test
{

namespace
{

// An absolute time long past. (There are no negative ones in this protocol.)
constexpr std::uint32_t past = 60 * 60 * 24 * 31;

Change quiet(Change change)
{
	change.name += "_quiet";
	change.replies = 0;
	return change;
}

Change one(const std::string &name, const Change::Binary &command,
	   const std::string &initial = "old-value", bool shows = true)
{
	return {.name = "binary_" + name, .initial = initial, .shows = shows, .binary = {command}};
}

Change all(const std::string &name, const Change::Binary &command)
{
	Change change = one(name, command);
	change.everything = true;
	return change;
}

} // namespace

const std::vector<Change> &binary_changes()
{
	static const std::string at_once = big_endian32(past);
	static const std::vector<Change> changes{
		one("set", {Opcode::set, store_extras(), "new"}),
		one("set_cas", {Opcode::set, store_extras(), "new", true, true}),
		one("set_expired", {Opcode::set, store_extras(past), "new"}),
		quiet(one("set", {Opcode::setq, store_extras(), "new"})),
		one("add_to_an_item", {Opcode::add, store_extras(), "new"}, "old-value", false),
		{.name = "binary_add",
		 .replies = 2,
		 .binary = {{Opcode::remove}, {Opcode::add, store_extras(), "new"}}},
		{.name = "binary_add_quiet",
		 .replies = 0,
		 .binary = {{Opcode::removeq}, {Opcode::addq, store_extras(), "new"}}},
		one("replace", {Opcode::replace, store_extras(), "new"}),
		quiet(one("replace", {Opcode::replaceq, store_extras(), "new"})),
		one("append", {Opcode::append, "", "new"}),
		quiet(one("append", {Opcode::appendq, "", "new"})),
		one("prepend", {Opcode::prepend, "", "new"}),
		quiet(one("prepend", {Opcode::prependq, "", "new"})),
		one("delete", {Opcode::remove}),
		quiet(one("delete", {Opcode::removeq})),
		one("increment", {Opcode::increment, count_extras(5)}, "10"),
		quiet(one("increment", {Opcode::incrementq, count_extras(5)}, "10")),
		{.name = "binary_increment_of_nothing",
		 .replies = 2,
		 .initial = "10",
		 .binary = {{Opcode::remove}, {Opcode::increment, count_extras(5, 7, 0)}}},
		one("decrement", {Opcode::decrement, count_extras(5)}, "10"),
		quiet(one("decrement", {Opcode::decrementq, count_extras(5)}, "10")),
		one("touch", {Opcode::touch, at_once}),
		one("gat", {Opcode::gat, at_once}),
		quiet(one("gat", {Opcode::gatq, at_once})),
		one("gatk", {Opcode::gatk, at_once}),
		quiet(one("gatk", {Opcode::gatkq, at_once})),
		all("flush", {Opcode::flush, "", "", false}),
		all("flush_zero", {Opcode::flush, big_endian32(0), "", false}),
		quiet(all("flush", {Opcode::flushq, "", "", false})),
		{.name = "binary_set_behind_a_get",
		 .replies = 2,
		 .binary = {{Opcode::get}, {Opcode::set, store_extras(), "new"}}},
		{.name = "binary_delete_behind_quiet_gets",
		 .replies = 0,
		 .binary = {{Opcode::getkq}, {Opcode::getq}, {Opcode::removeq}}},
	};
	return changes;
}

} // namespace prestack::test
