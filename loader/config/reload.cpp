// SPDX-License-Identifier: GPL-2.0-only
#include "config/reload.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace prestack
{
namespace
{

// All else shapes tables, programs or hooks, or decides what is followed from the start on.
constexpr std::array<std::string_view, 6> reloadable{
	"drain_timeout", "cache.audit_rate", "cache.warm_rate",
	"log.level",	 "log.keys",	     "service.allow",
};
constexpr auto restart = "is not changed while running: put it back, or stop and start";

// Of a table that only one of the files has, the other has the defaults.
std::string text_in(const Config &config, const ConfigValue &like)
{
	const auto found = std::ranges::find(config.values, like.name, &ConfigValue::name);
	return found == config.values.end() ? like.default_text : found->text;
}

bool has(const Config &config, const ConfigValue &value)
{
	return std::ranges::find(config.values, value.name, &ConfigValue::name) !=
	       config.values.end();
}

// Of one that the other file has not.
bool is_of_another(const ConfigValue &value, std::size_t common)
{
	constexpr std::string_view prefix = "service[";
	if (!value.name.starts_with(prefix)) {
		return false;
	}
	return std::stoul(value.name.substr(prefix.size())) >= common;
}

} // namespace

MultiResult<std::vector<ConfigChange>> plan_reload(const Config &running, const Config &fresh)
{
	Errors errors;
	const auto before = running.services.size();
	const auto now = fresh.services.size();
	if (before != now) {
		const auto position = now > before ? fresh.services[before].position
						   : fresh.services.back().position;
		errors.push_back(fresh.error_at(
			position, "service",
			fmt::format("there were {}, there are {}", before, now), restart));
	}
	std::vector<ConfigChange> changes;
	const auto compare = [&](const ConfigValue &value, const std::string &old_text,
				 const std::string &new_text, Position position) {
		if (is_of_another(value, std::min(before, now)) || old_text == new_text) {
			return;
		}
		if (std::ranges::find(reloadable, value.key) == reloadable.end()) {
			errors.push_back(fresh.error_at(
				position, value.name,
				fmt::format("was {}, is {}", old_text, new_text), restart));
			return;
		}
		changes.push_back({value.name, old_text, new_text});
	};
	for (const auto &value : fresh.values) {
		compare(value, text_in(running, value), value.text, value.position);
	}
	for (const auto &value : running.values) {
		if (!has(fresh, value)) {
			compare(value, value.text, value.default_text, {1, 1});
		}
	}
	if (!errors.empty()) {
		return tl::unexpected(std::move(errors));
	}
	return changes;
}

} // namespace prestack
