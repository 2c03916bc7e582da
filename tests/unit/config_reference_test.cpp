// SPDX-License-Identifier: GPL-2.0-only
// The table of keys in docs/operations.md says what the reader of the configuration does: it has every key,
// no other, and the default of each.
#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/config.hpp"

namespace prestack
{
namespace
{

// The cells of a row "| a | b |", without the spaces and back quotes around each.
std::vector<std::string> cells_of(std::string_view row)
{
	std::vector<std::string> cells;
	while (row.starts_with('|') && row.size() > 1) {
		row.remove_prefix(1);
		auto cell = row.substr(0, row.find('|'));
		row.remove_prefix(cell.size());
		const auto first = cell.find_first_not_of(" `");
		const auto last = cell.find_last_not_of(" `");
		cells.emplace_back(first == std::string_view::npos
					   ? std::string_view()
					   : cell.substr(first, last - first + 1));
	}
	return cells;
}

std::size_t column(const std::vector<std::string> &header, std::string_view title)
{
	const auto found = std::ranges::find(header, title);
	if (found == header.end())
		throw std::runtime_error("the table has no column " + std::string(title));
	return static_cast<std::size_t>(found - header.begin());
}

// By key, the default in the one table whose columns are a key, a meaning and a default, in any order.
std::map<std::string, std::string> documented_keys()
{
	std::ifstream page(PRESTACK_SOURCE_DIR "/docs/operations.md");
	std::map<std::string, std::string> keys;
	std::vector<std::string> header;
	for (std::string line; std::getline(page, line);) {
		const auto cells = cells_of(line);
		if (cells.empty()) {
			header.clear();
		} else if (header.empty()) {
			header = cells;
			std::ranges::sort(header);
			header = header == std::vector<std::string>{"default", "key", "meaning"}
					 ? cells
					 : std::vector<std::string>{"another table"};
		} else if (header.size() == 3 && !cells[0].starts_with("---")) {
			const auto key = cells.at(column(header, "key"));
			EXPECT_TRUE(keys.emplace(key, cells.at(column(header, "default"))).second)
				<< key << " stands twice in docs/operations.md";
		}
	}
	return keys;
}

TEST(ConfigReference, HasEveryKeyWithItsDefault)
{
	const auto documented = documented_keys();
	const auto keys = config_keys();
	ASSERT_FALSE(keys.empty());
	for (const auto &[name, default_text] : keys) {
		const auto found = documented.find(name);
		if (found == documented.end()) {
			ADD_FAILURE() << name << " is missing in docs/operations.md";
			continue;
		}
		EXPECT_EQ(found->second, default_text.value_or("required"))
			<< "default of " << name << " in docs/operations.md";
	}
}

TEST(ConfigReference, HasNoOtherKey)
{
	const auto keys = config_keys();
	for (const auto &[name, ignored] : documented_keys()) {
		EXPECT_NE(std::ranges::find(keys, name, &ConfigKey::name), keys.end())
			<< "docs/operations.md has " << name << ", which the reader does not know";
	}
}

TEST(ConfigReference, NamesEachKeyOnce)
{
	auto keys = config_keys();
	std::ranges::sort(keys, {}, &ConfigKey::name);
	EXPECT_EQ(std::ranges::adjacent_find(keys, {}, &ConfigKey::name), keys.end());
}

} // namespace
} // namespace prestack
