// SPDX-License-Identifier: GPL-2.0-only
#include "change.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace prestack::test
{

namespace
{

// Of the one script whose hash is asked for.
constexpr const char *set_script_sha = "8231f5949c7e4521cb860cfc29036e3c5e5f8e69";

std::vector<Words> parse(std::string_view text)
{
	std::vector<Words> commands;
	while (!text.empty()) {
		const auto end = std::min(text.find("; "), text.size());
		std::string_view rest = text.substr(0, end);
		text.remove_prefix(std::min(end + 2, text.size()));
		Words words;
		while (!rest.empty()) {
			const bool quoted = rest.front() == '\'';
			rest.remove_prefix(quoted ? 1 : 0);
			const auto size = std::min(rest.find(quoted ? '\'' : ' '), rest.size());
			words.emplace_back(rest.substr(0, size));
			rest.remove_prefix(std::min(size + (quoted ? 2 : 1), rest.size()));
		}
		commands.push_back(std::move(words));
	}
	return commands;
}

void replace_all(std::string &text, std::string_view from, std::string_view to)
{
	for (auto at = text.find(from); at != std::string::npos;
	     at = text.find(from, at + to.size()))
		text.replace(at, from.size(), to);
}

std::vector<Words> complete(std::vector<Words> commands, RedisTestbed &testbed,
			    const std::string &key)
{
	const std::string other = key + "-other";
	for (Words &words : commands) {
		for (std::string &word : words) {
			if (word == "{sha}")
				word = set_script_sha;
			if (word == "{dump}") {
				word = testbed.value({"DUMP", other});
				continue;
			}
			replace_all(word, "{k}", key);
			replace_all(word, "{o}", other);
			replace_all(word, "{p}", key + "-third");
		}
	}
	return commands;
}

} // namespace

std::vector<Words> RedisChange::all(RedisTestbed &testbed, const std::string &key) const
{
	return complete(parse(commands), testbed, key);
}

std::vector<Words> RedisChange::all_to_prepare(RedisTestbed &testbed, const std::string &key) const
{
	return complete(parse(prepare), testbed, key);
}

bool RedisChange::fits_in_multi() const
{
	return std::ranges::none_of(parse(commands), [](const Words &words) {
		for (const char *name : {"MULTI", "WATCH", "RESET", "DEBUG", "HELLO"}) {
			if (words.front() == name)
				return true;
		}
		// Refused when it is queued, which ends the transaction.
		return words.size() < 2 || words.front() == "NOSUCH";
	});
}

std::vector<RedisChange> every_redis_change()
{
	std::vector<RedisChange> all = plain_changes();
	all.insert(all.end(), other_changes().begin(), other_changes().end());
	return all;
}

std::string inline_command(const Words &words)
{
	std::string line;
	for (const std::string &word : words) {
		const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
			return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
		});
		line += line.empty() ? "" : " ";
		if (plain) {
			line += word;
			continue;
		}
		line += '"';
		for (const unsigned char c : word) {
			char escaped[5];
			std::snprintf(escaped, sizeof(escaped), "\\x%02x", c);
			line += escaped;
		}
		line += '"';
	}
	return line + "\r\n";
}

} // namespace prestack::test
