// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>

#include "config/config.hpp"
#include "instance/instance.hpp"
#include "instance/stop.hpp"
#include "kernel/bpffs.hpp"
#include "kernel/service_maps.hpp"
#include "plugin/new_plugin.hpp"
#include "plugin/registry.hpp"
#include "report/report.hpp"
#include "watch/blind_spots.hpp"

namespace prestack
{
namespace
{

using nlohmann::json;

int report(const Error &error)
{
	fmt::print(stderr, "prestack: {}\n", to_string(error));
	return error.kind == ErrorKind::config ? 2 : 1;
}

int report(const Errors &errors)
{
	int code = 0;
	for (const auto &error : errors) {
		code = std::max(code, report(error));
	}
	return code;
}

void print(const json &value)
{
	fmt::print("{}\n", value.dump(2));
}

std::shared_ptr<spdlog::logger> make_log()
{
	auto log = std::make_shared<spdlog::logger>(
		"prestack", std::make_shared<spdlog::sinks::stderr_sink_st>());
	log->set_pattern("prestack: %l: %v");
	log->flush_on(spdlog::level::info);
	return log;
}

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
		if (auto errors = check_interfaces(*config); !errors.empty()) {
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
	auto instance = Instance::start(*config, {line.name, line.bpffs, force_clsact, load},
					make_log());
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

Result<InstanceView> find_instance(const CommandLine &line)
{
	return find_bpffs(line.bpffs).and_then([&line](const BpffsPtr &bpffs) {
		return view_live_instance(bpffs, line.name);
	});
}

int show_status(const CommandLine &line)
{
	const auto bpffs = find_bpffs(line.bpffs);
	if (!bpffs) {
		return report(bpffs.error());
	}
	const auto view = view_instance(*bpffs, line.name);
	if (!view) {
		return report(view.error());
	}
	const auto status = gather_status(*view);
	if (!status) {
		return report(status.error());
	}
	if (line.json) {
		print(*status);
	} else {
		fmt::print("{}", render_status(*status));
	}
	if (!view->alive) {
		const auto dead = view_live_instance(*bpffs, line.name);
		return dead ? 0 : report(dead.error());
	}
	return 0;
}

int show_stats(const CommandLine &line)
{
	const auto stats = find_instance(line).and_then(gather_stats);
	if (!stats) {
		return report(stats.error());
	}
	if (line.json) {
		print(*stats);
	} else {
		fmt::print("{}", render_stats(*stats));
	}
	return 0;
}

Result<json> flush_services(const CommandLine &line)
{
	const auto view = find_instance(line);
	if (!view) {
		return tl::unexpected(view.error());
	}
	auto maps = view->open_service_maps();
	if (!maps) {
		return tl::unexpected(maps.error());
	}
	json flushed = json::array();
	std::string names;
	std::uint32_t number = 0;
	for (const auto &service : view->description["services"]) {
		const auto name = service.value("name", "");
		names += names.empty() ? name : ", " + name;
		if (line.service.empty() || line.service == name) {
			maps->bump_epoch(number);
			flushed.push_back({{"service", name}, {"epoch", maps->epoch(number)}});
		}
		++number;
	}
	if (flushed.empty()) {
		return fail(fmt::format("service \"{}\"", line.service),
			    "is not served by this instance", 0, "services: " + names);
	}
	return flushed;
}

int flush(const CommandLine &line)
{
	const auto flushed = flush_services(line);
	if (!flushed) {
		return report(flushed.error());
	}
	if (line.json) {
		print({{"instance", line.name}, {"flushed", *flushed}});
		return 0;
	}
	for (const auto &entry : *flushed) {
		fmt::print("{}: flushed\n", entry["service"].get<std::string>());
	}
	return 0;
}

int stop(const CommandLine &line)
{
	const auto stopped = find_bpffs(line.bpffs).and_then([&line](const BpffsPtr &bpffs) {
		return stop_instance(bpffs, line.name, line.timeout, make_log());
	});
	if (!stopped) {
		return report(stopped.error());
	}
	if (line.json) {
		print({{"instance", line.name},
		       {"was_dead", stopped->was_dead},
		       {"translated", stopped->spliced},
		       {"reset", stopped->reset}});
		return 0;
	}
	fmt::print("{}: stopped", line.name);
	if (stopped->spliced != 0) {
		fmt::print("; {} connections were translated, {} of them were reset",
			   stopped->spliced, stopped->reset);
	}
	fmt::print("\n");
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
