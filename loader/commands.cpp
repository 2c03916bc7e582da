// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/host.hpp"
#include "command_output.hpp"
#include "config/config.hpp"
#include "config/geometry.hpp"
#include "config/memory_use.hpp"
#include "instance/host_checks.hpp"
#include "instance/instance.hpp"
#include "instance_commands.hpp"
#include "plugin/new_plugin.hpp"
#include "plugin/registry.hpp"
#include "watch/blind_spots.hpp"

namespace prestack
{
namespace
{

using nlohmann::json;

std::vector<std::string_view> protocols()
{
	std::vector<std::string_view> names;
	std::ranges::transform(plugins(), std::back_inserter(names), &PluginInfo::name);
	return names;
}

MultiResult<Config> load_checked(const CommandLine &line)
{
	auto config = load_config(line.config, protocols());
	if (config && !line.offline) {
		auto errors = check_host(*config);
		if (line.command == Command::check_config) {
			std::ranges::move(check_server_addresses(*config),
					  std::back_inserter(errors));
			std::ranges::move(check_xdp_programs(*config, line.bpffs),
					  std::back_inserter(errors));
		}
		if (!errors.empty()) {
			std::ranges::stable_sort(errors, {}, &Error::line);
			return tl::unexpected(std::move(errors));
		}
	}
	return config;
}

int run(const CommandLine &line)
{
	const auto config = load_checked(line);
	if (!config) {
		return report(config.error());
	}
	// Before anything is made: a signal from now on takes down in good order what there is.
	auto loop = EventLoop::create();
	auto armed = loop ? loop->take_signals() : Result<void>(Failure(loop.error()));
	if (!armed) {
		return report(armed.error());
	}
	// For tests on kernels that have TCX.
	const char *tc = std::getenv("PRESTACK_TC");
	const bool force_clsact = tc != nullptr && std::string_view(tc) == "clsact";
	const auto load = [](const std::filesystem::path &path) {
		return load_config(path, protocols());
	};
	auto instance =
		Instance::start(*config, {line.name, line.bpffs, force_clsact, load}, make_log());
	if (!instance) {
		return report(instance.error());
	}
	const auto ended = instance->run(*loop);
	return ended ? 0 : report(ended.error());
}

int check_config(const CommandLine &line)
{
	const auto config = load_checked(line);
	if (!config) {
		return report(config.error());
	}
	fmt::print("{}: good\n", line.config);
	if (const auto geometry = plan_geometry(config->cache)) {
		fmt::print("memory: {}\n", to_string(memory_use(*geometry, possible_cpus())));
	}
	for (const auto &note : blind_spots(*config, line.offline)) {
		fmt::print("note: {}\n", note);
	}
	return 0;
}

int list_plugins(const CommandLine &line)
{
	json list = json::array();
	for (const auto &plugin : plugins()) {
		list.push_back({{"name", plugin.name},
				{"description", plugin.description},
				{"experimental", plugin.experimental}});
	}
	if (line.json) {
		print(list);
		return 0;
	}
	for (const auto &plugin : plugins()) {
		fmt::print("{:<24}{}{}\n", plugin.name, plugin.description,
			   plugin.experimental ? " (experimental)" : "");
	}
	return 0;
}

int new_plugin(const CommandLine &line)
{
	const auto folder = write_new_plugin(line.plugin, line.folder);
	if (!folder) {
		return report(folder.error());
	}
	fmt::print("{}: README.md says how to build it and run its tests\n", folder->string());
	return 0;
}

} // namespace

int run_command(const CommandLine &line)
{
	libbpf_set_print(nullptr); // errors are ours to report; see kernel/libbpf_log.hpp
	switch (line.command) {
	case Command::run:
		return run(line);
	case Command::check_config:
		return check_config(line);
	case Command::plugins:
		return list_plugins(line);
	case Command::new_plugin:
		return new_plugin(line);
	case Command::status:
		return show_status(line);
	case Command::health:
		return show_health(line);
	case Command::stats:
		return show_stats(line);
	case Command::flush:
		return flush(line);
	case Command::stop:
		return stop(line);
	}
	return 1;
}

} // namespace prestack
