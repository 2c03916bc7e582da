// SPDX-License-Identifier: GPL-2.0-only
#include "command_generator.hpp"

#include "../binary_message.hpp"

#include <prestack/types.h>

#include <vector>

namespace prestack::memcached
{

namespace
{

using namespace std::string_view_literals;

constexpr std::array kStorage = {"set"sv,     "add"sv, "replace"sv, "append"sv,
				 "prepend"sv, "cas"sv, "ms"sv};
constexpr std::array kOther = {"get"sv,
			       "gets"sv,
			       "gat"sv,
			       "gats"sv,
			       "bget"sv,
			       "incr"sv,
			       "decr"sv,
			       "touch"sv,
			       "delete"sv,
			       "mg"sv,
			       "md"sv,
			       "ma"sv,
			       "me"sv,
			       "mn"sv,
			       "stats"sv,
			       "version"sv,
			       "verbosity"sv,
			       "lru"sv,
			       "lru_crawler"sv,
			       "slabs"sv,
			       "quit"sv,
			       "flush_all"sv,
			       "cache_memlimit"sv,
			       "shutdown"sv,
			       "extstore"sv,
			       "refresh_certs"sv};

// Numbers at the limits of 31, 32, 63 and 64 bits, and what strtol() and its kin accept besides.
constexpr std::array kNumbers = {"0"sv,
				 "1"sv,
				 "5"sv,
				 "-1"sv,
				 "+1"sv,
				 "-0"sv,
				 "00"sv,
				 "0000000007"sv,
				 "00000000007"sv,
				 "00000000000000000000"sv,
				 "000000000000000000001"sv,
				 "2147483645"sv,
				 "2147483646"sv,
				 "2147483647"sv,
				 "2147483648"sv,
				 "-2147483648"sv,
				 "-2147483649"sv,
				 "-999999999"sv,
				 "4294967295"sv,
				 "4294967296"sv,
				 "4294967306"sv,
				 "-4294967290"sv,
				 "9999999999"sv,
				 "99999999999"sv,
				 "9223372036854775807"sv,
				 "9223372036854775808"sv,
				 "18446744073709551615"sv,
				 "18446744073709551616"sv,
				 "99999999999999999999"sv,
				 "1048576"sv,
				 "1073741824"sv,
				 "1073741825"sv,
				 "0x10"sv,
				 "1e1"sv,
				 "1x"sv,
				 "x"sv,
				 "--1"sv,
				 "-"sv,
				 "1.0"sv,
				 "\t5"sv,
				 "5\t"sv,
				 "5\r"sv,
				 "\v-5"sv};

constexpr std::array kWords = {"noreply"sv,  "NOREPLY"sv, "0"sv,    "k"sv,	"1"sv,
			       "graceful"sv, "reset"sv,	  "all"sv,  "detail"sv, "on"sv,
			       "tune"sv,     "mode"sv,	  "flat"sv, "b"sv,	"HTTP/1.0"sv};

constexpr std::array kMetaFlags = {
	"v"sv,	 "k"sv,	 "f"sv,	   "s"sv,
	"t"sv,	 "c"sv,	 "h"sv,	   "l"sv,
	"q"sv,	 "u"sv,	 "O1"sv,   "Ox"sv,
	"T0"sv,	 "T9"sv, "T-1"sv,  "N9"sv,
	"R9"sv,	 "F3"sv, "F-1"sv,  "Fx"sv,
	"C1"sv,	 "Cx"sv, "I"sv,	   "MS"sv,
	"ME"sv,	 "MA"sv, "MI"sv,   "M"sv,
	"MXX"sv, "D2"sv, "J5"sv,   "b"sv,
	"b1"sv,	 "S3"sv, "Tx"sv,   "E5"sv,
	"x"sv,	 "!"sv,	 "\x7f"sv, "\xff"sv,
	"vvv"sv, "T"sv,	 "N"sv,	   "Oaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"sv};

constexpr std::array kLineEnds = {"\n"sv,   "\r\r\n"sv, " \r\n"sv,  "\0\r\n"sv,	  "\r \n"sv,
				  "\n\n"sv, "\t\r\n"sv, "\n\r\n"sv, "\r\n\r\n"sv, "\0k\r\n"sv};

// Splits at blanks; the last token has no line end.
std::vector<std::string> split(const std::string &line)
{
	std::vector<std::string> tokens(1);
	for (const char each : line) {
		if (each == ' ')
			tokens.emplace_back();
		else
			tokens.back() += each;
	}
	return tokens;
}

std::string join(const std::vector<std::string> &tokens, const std::string &blank)
{
	std::string line;
	for (const std::string &token : tokens)
		line += (&token == &tokens.front() ? "" : blank) + token;
	return line;
}

} // namespace

const std::array<std::string, 5> &CommandGenerator::keys()
{
	static const std::array<std::string, 5> all = {"k", "k2", "0", "noreply",
						       std::string(PS_MAX_KEY, 'L')};
	return all;
}

std::string CommandGenerator::key()
{
	switch (below(24)) {
	case 0:
		return keys()[4];
	case 1:
		return keys()[4] + "L"; // one too long
	case 2:
		return "a2s="; // base64 of "kk", not one of ours
	case 3:
		return "aw=="; // base64 of "k"
	case 4:
		return "k\t";
	case 5:
		return "absent";
	default:
		return keys()[below(4)];
	}
}

std::string CommandGenerator::number()
{
	return one_in(3) ? pick(kNumbers) : std::to_string(below(10));
}

std::string CommandGenerator::line_end()
{
	return one_in(12) ? pick(kLineEnds) : "\r\n";
}

// A command that changes its key if it is ever executed.
std::string CommandGenerator::small_write()
{
	constexpr std::array verbs = {"incr "sv, "decr "sv,   "touch "sv,
				      "gat "sv,	 "delete "sv, "md "sv};
	const std::uint64_t verb = below(verbs.size());
	std::string target = keys()[below(4)];
	if (verb < 3)
		target += " 50";
	else if (verb == 3)
		target.insert(0, "50 ");
	return std::string(verbs[verb]) + target;
}

// `line` with the data's length in place of its `length_token`th token, and the data.
std::string CommandGenerator::with_data(std::string line, std::size_t length_token,
					const std::string &data)
{
	std::size_t length = data.size();
	if (one_in(10))
		length += below(5) - 2;
	auto tokens = split(line);
	if (length_token < tokens.size() && !one_in(20))
		tokens[length_token] = (one_in(16) ? "0" : "") + std::to_string(length);
	line = join(tokens, " ");
	if (one_in(2))
		line = mutate(line);
	return line + line_end() + data + (one_in(12) ? line_end() : "\r\n");
}

std::string CommandGenerator::storage(std::string_view verb)
{
	std::string line(verb);
	const std::string data = one_in(4) ? "7" : small_write();
	line += " " + key();
	if (verb == "ms") {
		line += " n";
		while (!one_in(3))
			line += " " + pick(kMetaFlags);
		return with_data(line, 2, data);
	}
	line += " " + (one_in(4) ? number() : "3") + " " + (one_in(4) ? number() : "0") + " n";
	if (verb == "cas")
		line += " " + number();
	if (one_in(4))
		line += " " + pick(kWords);
	return with_data(line, 4, data);
}

std::string CommandGenerator::meta(std::string_view verb)
{
	std::string line = std::string(verb) + " " + key();
	while (!one_in(4))
		line += " " + pick(kMetaFlags);
	return line;
}

std::string CommandGenerator::arguments(std::string_view verb)
{
	if (verb == "flush_all") // a delayed one would strike in another test
		return std::string(verb) + (one_in(2) ? " noreply" : "");
	std::string line(verb);
	if (verb.starts_with("gat"))
		line += " " + number();
	if (verb.front() == 'g' || verb == "bget") {
		do
			line += " " + key();
		while (one_in(2));
		if (one_in(16)) {
			for (unsigned i = 0; i < 30; ++i)
				line += " " + keys()[below(4)];
		}
		return line;
	}
	if (verb == "incr" || verb == "decr" || verb == "touch" || verb == "delete")
		line += " " + key();
	if (verb == "incr" || verb == "decr" || verb == "touch" || verb == "verbosity")
		line += " " + number();
	while (one_in(2))
		line += " " + (one_in(2) ? pick(kWords) : number());
	return line;
}

// One fault in a command line.
std::string CommandGenerator::mutate(std::string line)
{
	auto tokens = split(line);
	const std::size_t at = below(tokens.size());
	const auto where = tokens.begin() + static_cast<std::ptrdiff_t>(at);
	switch (below(11)) {
	case 0:
		*where = pick(kNumbers);
		break;
	case 1:
		tokens.erase(where);
		break;
	case 2: {
		const std::string copy = *where;
		tokens.insert(where, copy);
		break;
	}
	case 3:
		tokens.insert(where, pick(kWords));
		break;
	case 4:
		tokens.insert(where, pick(kMetaFlags));
		break;
	case 5:
		*where += static_cast<char>(below(256));
		break;
	case 6:
		where->insert(0, 1, static_cast<char>(below(0x21)));
		break;
	case 7:
		if (!where->empty())
			(*where)[0] = static_cast<char>((*where)[0] ^ (1 << below(8)));
		break;
	case 8:
		return join(tokens, std::string(1 + below(20), ' '));
	case 9: // more tokens than memcached splits at once
		for (unsigned i = 0; i < 26; ++i)
			tokens.insert(tokens.end(), one_in(2) ? "v" : pick(kMetaFlags));
		break;
	case 10:
		tokens.insert(where, std::string(1 + below(300), 'y'));
		break;
	}
	return join(tokens, " ");
}

std::string CommandGenerator::command()
{
	if (!one_in(3))
		return storage(pick(kStorage));
	const std::string verb = pick(kOther);
	std::string line = verb.size() == 2 ? meta(verb) : arguments(verb);
	if (one_in(2))
		line = mutate(line);
	return line + line_end();
}

std::string CommandGenerator::stream()
{
	std::string all = command();
	while (one_in(2)) {
		const std::string next = command();
		if (all.size() + next.size() > PS_IN_SIZE)
			break;
		all += next;
	}
	all.resize(std::min<std::size_t>(all.size(), PS_IN_SIZE));
	return all;
}

std::string CommandGenerator::binary_command()
{
	struct Shape {
		int opcode;
		std::size_t extras;
		bool key, value;
	};
	static constexpr Shape shapes[] = {
		{0x00, 0, true, false},	 {0x01, 8, true, true},	  {0x02, 8, true, true},
		{0x03, 8, true, true},	 {0x04, 0, true, false},  {0x05, 20, true, false},
		{0x06, 20, true, false}, {0x08, 0, false, false}, {0x09, 0, true, false},
		{0x0a, 0, false, false}, {0x0b, 0, false, false}, {0x0c, 0, true, false},
		{0x0d, 0, true, false},	 {0x0e, 0, true, true},	  {0x0f, 0, true, true},
		{0x10, 0, false, false}, {0x11, 8, true, true},	  {0x12, 8, true, true},
		{0x13, 8, true, true},	 {0x14, 0, true, false},  {0x15, 20, true, false},
		{0x16, 20, true, false}, {0x18, 0, false, false}, {0x19, 0, true, true},
		{0x1a, 0, true, true},	 {0x1c, 4, true, false},  {0x1d, 4, true, false},
		{0x1e, 4, true, false},	 {0x20, 0, false, false}, {0x21, 0, true, true},
		{0x23, 4, true, false},	 {0x24, 4, true, false}};
	Shape shape = shapes[below(std::size(shapes))];
	std::string extras(shape.extras, '\0');
	for (char &each : extras)
		each = static_cast<char>(one_in(4) ? below(256) : 0);
	std::string name = shape.key ? keys()[below(4)] : "";
	std::string value = shape.value ? (one_in(3) ? "7" : small_write() + "\r\n") : "";
	if (one_in(24)) // one fault
		(one_in(2) ? extras : one_in(2) ? name : value) += "x";
	if (one_in(24))
		shape.opcode = static_cast<int>(below(256));
	if (one_in(200))
		value.resize(1'500, 'v');
	return binary_request(shape.opcode, extras, name, value, one_in(6) ? below(9) : 0);
}

std::string CommandGenerator::binary_stream()
{
	std::string all = binary_command();
	while (!one_in(5)) {
		const std::string next = binary_command();
		if (all.size() + next.size() > PS_IN_SIZE)
			break;
		all += next;
	}
	return all;
}

} // namespace prestack::memcached
