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

// Collects the errors of one file.
class ErrorSink
{
public:
	explicit ErrorSink(std::string file) : file_(std::move(file)) {}

	void add(Position position, std::string object, std::string problem, std::string mend = {});
	[[nodiscard]] bool empty() const { return errors_.empty(); }
	// In the order of the file.
	[[nodiscard]] Errors take();

private:
	std::string file_;
	Errors errors_;
};

[[nodiscard]] inline Position position_of(const toml::source_region &source)
{
	return {static_cast<int>(source.begin.line), static_cast<int>(source.begin.column)};
}

struct StringValue {
	std::string text;
	Position position;
};

// Reads the keys of one table. Each getter marks its key as known, adds an error and returns
// nothing if the value is missing (where required) or not what it should be.
class TableReader
{
public:
	// `prefix` is put before key names in messages: "", "cache." or "service[0].".
	TableReader(const toml::table &table, std::string prefix, Position position,
		    ErrorSink &sink)
		: table_(table), prefix_(std::move(prefix)), position_(position), sink_(sink)
	{
	}

	enum class Need { required, optional };

	// A getter that finds a required key missing adds `mend` to its error.
	const toml::node *find(std::string_view key, Need need, std::string_view mend = {});
	std::optional<StringValue> string(std::string_view key, Need need,
					  std::string_view mend = {});
	std::optional<std::int64_t> integer(std::string_view key, Need need, std::int64_t least,
					    std::int64_t most, std::string_view mend = {});
	std::optional<double> number(std::string_view key, double least, double most);
	std::optional<bool> boolean(std::string_view key);
	// A list with at least one string, all different.
	std::optional<std::vector<StringValue>> strings(std::string_view key,
							std::string_view mend);

	// Where the key's value stands; the table's own place if it is absent.
	[[nodiscard]] Position position(std::string_view key) const;
	void error(Position position, std::string_view key, std::string problem,
		   std::string mend = {});

	// Call last: reports each key that no getter asked for.
	void finish();

private:
	const toml::table &table_;
	std::string prefix_;
	Position position_;
	ErrorSink &sink_;
	std::vector<std::string_view> known_;
};

} // namespace prestack
