// SPDX-License-Identifier: GPL-2.0-only
// Typed, position-keeping access to a TOML table: what config.cpp is written in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "base/result.hpp"
#include "config/config.hpp"

namespace prestack
{

// What came of reading one file: the errors in it, and the keys that were looked for.
class ReadReport
{
public:
	explicit ReadReport(std::string file) : file_(std::move(file)) {}

	void add_error(Position position, std::string object, std::string problem,
		       std::string mend = {});
	[[nodiscard]] bool has_errors() const { return !errors_.empty(); }
	// In the order of the file.
	[[nodiscard]] Errors take_errors();

	void add_key(ConfigKey key) { keys_.push_back(std::move(key)); }
	void add_value(ConfigValue value) { values_.push_back(std::move(value)); }
	[[nodiscard]] std::vector<ConfigValue> take_values() { return std::move(values_); }
	[[nodiscard]] std::vector<ConfigKey> take_keys() { return std::move(keys_); }

private:
	std::string file_;
	Errors errors_;
	std::vector<ConfigKey> keys_;
	std::vector<ConfigValue> values_;
};

[[nodiscard]] inline Position position_of(const toml::source_region &source)
{
	return {static_cast<int>(source.begin.line), static_cast<int>(source.begin.column)};
}

struct StringValue {
	std::string text;
	Position position;
};

// Text in quotes, as TOML spells a string.
[[nodiscard]] inline std::string toml_string(std::string_view text)
{
	return '"' + std::string(text) + '"';
}

// The names of a table in messages: its keys' prefix in general, and in this file.
struct TableName {
	std::string key_prefix; // "", "cache." or "service."
	std::string prefix; // "", "cache." or "service[0]."
};

// Reads the keys of one table. Each getter reports its key as known. It adds an error and returns nothing if
// the value is not what it should be, or is missing although the key is required.
class TableReader
{
public:
	TableReader(const toml::table &table, TableName name, Position position, ReadReport &report)
		: table_(table), name_(std::move(name)), position_(position), report_(report)
	{
	}

	// What a key's default is, see ConfigKey::default_text.
	using Default = std::optional<std::string>;
	static constexpr std::nullopt_t required = std::nullopt;

	// A getter that finds a required key missing adds `mend` to its error.
	const toml::node *find(std::string_view key, const Default &default_text,
			       std::string_view mend = {});
	std::optional<StringValue> string(std::string_view key, const Default &default_text,
					  std::string_view mend = {});
	std::optional<std::int64_t> integer(std::string_view key, const Default &default_text,
					    std::int64_t least, std::int64_t most,
					    std::string_view mend = {});
	std::optional<double> number(std::string_view key, const Default &default_text,
				     double least, double most);
	std::optional<bool> boolean(std::string_view key, const Default &default_text);
	// A list with at least one string, all different.
	std::optional<std::vector<StringValue>> strings(std::string_view key,
							std::string_view mend);

	// A table, or a list of tables, in this one. It has no value of its own, so it is no ConfigKey.
	const toml::node *subtable(std::string_view key);

	// Where the key's value stands; the table's own place if it is absent.
	[[nodiscard]] Position position(std::string_view key) const;
	void error(Position position, std::string_view key, std::string problem,
		   std::string mend = {});

	// Call last: reports each key that no getter asked for.
	void finish();

private:
	const toml::table &table_;
	TableName name_;
	Position position_;
	ReadReport &report_;
	std::vector<std::string_view> known_;
};

} // namespace prestack
