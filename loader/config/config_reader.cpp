// SPDX-License-Identifier: GPL-2.0-only
#include "config/config_reader.hpp"

#include <algorithm>
#include <sstream>
#include <tuple>

#include <fmt/format.h>

#include "base/text.hpp"

namespace prestack
{
namespace
{

std::string_view kind_of(const toml::node &node)
{
	switch (node.type()) {
	case toml::node_type::table:
		return "a table";
	case toml::node_type::array:
		return "a list";
	case toml::node_type::string:
		return "a string";
	case toml::node_type::integer:
		return "a whole number";
	case toml::node_type::floating_point:
		return "a fractional number";
	case toml::node_type::boolean:
		return "true or false";
	default:
		return "a date or time";
	}
}

// As TOML spells it.
std::string text_of(const toml::node &node)
{
	if (const auto *text = node.as_string()) {
		return toml_string(text->get());
	}
	std::ostringstream out;
	if (const auto *list = node.as_array()) {
		for (const auto &element : *list) {
			out << (out.str().empty() ? "[" : ", ") << text_of(element);
		}
		return out.str() + "]";
	}
	node.visit([&out](const auto &value) { out << value; });
	return out.str();
}

} // namespace

void ReadReport::add_error(Position position, std::string object, std::string problem,
			   std::string mend)
{
	errors_.push_back(
		config_error(fmt::format("{}:{}:{}", file_, position.line, position.column),
			     position, std::move(object), std::move(problem), std::move(mend)));
}

Errors ReadReport::take_errors()
{
	std::ranges::stable_sort(errors_, {}, [](const Error &error) {
		return std::tuple(error.line, error.column);
	});
	return std::move(errors_);
}

void TableReader::error(Position position, std::string_view key, std::string problem,
			std::string mend)
{
	report_.add_error(position, name_.prefix + std::string(key), std::move(problem),
			  std::move(mend));
}

Position TableReader::position(std::string_view key) const
{
	const auto *node = table_.get(key);
	return node ? position_of(node->source()) : position_;
}

const toml::node *TableReader::subtable(std::string_view key)
{
	known_.push_back(key);
	return table_.get(key);
}

const toml::node *TableReader::find(std::string_view key, const Default &default_text,
				    std::string_view mend)
{
	known_.push_back(key);
	report_.add_key({name_.key_prefix + std::string(key), default_text});
	const auto *node = table_.get(key);
	const auto absent = default_text.value_or("");
	report_.add_value({name_.prefix + std::string(key), name_.key_prefix + std::string(key),
			   node ? text_of(*node) : absent, absent, position(key)});
	if (!node && !default_text) {
		error(position_, key, "is missing", std::string(mend));
	}
	return node;
}

std::optional<StringValue> TableReader::string(std::string_view key, const Default &default_text,
					       std::string_view mend)
{
	const auto *node = find(key, default_text, mend);
	if (!node) {
		return std::nullopt;
	}
	if (const auto *text = node->as_string()) {
		return StringValue{text->get(), position_of(node->source())};
	}
	error(position(key), key,
	      fmt::format("is {}, but a string in quotes is expected", kind_of(*node)));
	return std::nullopt;
}

std::optional<std::int64_t> TableReader::integer(std::string_view key, const Default &default_text,
						 std::int64_t least, std::int64_t most,
						 std::string_view mend)
{
	const auto *node = find(key, default_text, mend);
	if (!node) {
		return std::nullopt;
	}
	const auto *value = node->as_integer();
	if (!value) {
		error(position(key), key,
		      fmt::format("is {}, but a whole number is expected", kind_of(*node)),
		      fmt::format("write {}..{} without quotes", least, most));
		return std::nullopt;
	}
	if (value->get() < least || value->get() > most) {
		error(position(key), key,
		      fmt::format("is {}, which is not in {}..{}", value->get(), least, most));
		return std::nullopt;
	}
	return value->get();
}

std::optional<double> TableReader::number(std::string_view key, const Default &default_text,
					  double least, double most)
{
	const auto *node = find(key, default_text);
	if (!node) {
		return std::nullopt;
	}
	if (!node->is_number()) {
		error(position(key), key,
		      fmt::format("is {}, but a number is expected", kind_of(*node)));
		return std::nullopt;
	}
	const double value = node->is_integer() ? static_cast<double>(node->as_integer()->get())
						: node->as_floating_point()->get();
	if (!(value >= least && value <= most)) { // also catches nan
		error(position(key), key,
		      fmt::format("is {}, which is not in {}..{}", value, least, most));
		return std::nullopt;
	}
	return value;
}

std::optional<bool> TableReader::boolean(std::string_view key, const Default &default_text)
{
	const auto *node = find(key, default_text);
	if (!node) {
		return std::nullopt;
	}
	if (const auto *value = node->as_boolean()) {
		return value->get();
	}
	error(position(key), key,
	      fmt::format("is {}, but true or false is expected", kind_of(*node)));
	return std::nullopt;
}

std::optional<std::vector<StringValue>> TableReader::strings(std::string_view key,
							     std::string_view mend)
{
	const auto *node = find(key, required, mend);
	if (!node) {
		return std::nullopt;
	}
	const auto *list = node->as_array();
	if (!list) {
		error(position(key), key,
		      fmt::format("is {}, but a list of strings is expected", kind_of(*node)),
		      std::string(mend));
		return std::nullopt;
	}
	if (list->empty()) {
		error(position(key), key, "is empty", std::string(mend));
		return std::nullopt;
	}
	std::vector<StringValue> values;
	bool good = true;
	for (const auto &element : *list) {
		const auto place = position_of(element.source());
		const auto *text = element.as_string();
		if (!text) {
			error(place, key,
			      fmt::format("holds {}, but only strings are expected",
					  kind_of(element)));
			good = false;
		} else if (std::ranges::find(values, text->get(), &StringValue::text) !=
			   values.end()) {
			error(place, key, fmt::format("names \"{}\" twice", text->get()),
			      "remove one");
			good = false;
		} else {
			values.push_back({text->get(), place});
		}
	}
	return good ? std::optional(std::move(values)) : std::nullopt;
}

void TableReader::finish()
{
	for (auto &&[key, value] : table_) {
		const std::string_view name = key.str();
		if (std::ranges::find(known_, name) != known_.end()) {
			continue;
		}
		const auto suggestion = nearest(name, known_);
		error(position_of(key.source()), name, "is not a known key",
		      suggestion ? fmt::format("did you mean \"{}\"?", *suggestion)
				 : fmt::format("known here: {}", quoted_list(known_)));
	}
}

} // namespace prestack
