// SPDX-License-Identifier: GPL-2.0-only
#include "config/config_log.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace prestack
{
namespace
{

constexpr std::array<std::string_view, 3> levels{"info", "warning", "error"};

} // namespace

void read_log(TableReader &root, Config &config, ReadReport &report)
{
	const auto *node = root.subtable("log");
	if (!node) {
		return;
	}
	const auto position = root.position("log");
	const auto *table_node = node->as_table();
	if (!table_node) {
		root.error(position, "log", "is not a table", "write [log] on a line of its own");
		return;
	}
	TableReader table(*table_node, {"log.", "log."}, position, report);
	if (const auto level = table.string("level", toml_string(config.log.level))) {
		if (std::ranges::find(levels, level->text) == levels.end()) {
			table.error(level->position, "level", fmt::format("is \"{}\"", level->text),
				    "write \"info\", \"warning\" or \"error\"");
		} else {
			config.log.level = level->text;
		}
	}
	config.log.keys =
		table.boolean("keys", fmt::format("{}", config.log.keys)).value_or(config.log.keys);
	table.finish();
}

} // namespace prestack
