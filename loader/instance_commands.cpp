// SPDX-License-Identifier: GPL-2.0-only
#include "instance_commands.hpp"

#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "command_output.hpp"
#include "instance/control.hpp"
#include "instance/stop.hpp"
#include "kernel/bpffs.hpp"
#include "kernel/choose_instance.hpp"
#include "kernel/instance_dir.hpp"
#include "kernel/pin_names.hpp"
#include "kernel/service_maps.hpp"
#include "report/health.hpp"
#include "report/report.hpp"

namespace prestack
{
namespace
{

using nlohmann::json;

// The one that is meant, dead or alive.
Result<InstanceView> find_instance(const CommandLine &line)
{
	return find_bpffs(line.bpffs).and_then([&line](const BpffsPtr &bpffs) {
		return choose_instance(bpffs, line.name).and_then([&](const std::string &name) {
			return view_instance(bpffs, name);
		});
	});
}

struct ViewedStatus {
	InstanceView view;
	json status;
};

Result<ViewedStatus> find_status(const CommandLine &line)
{
	return find_instance(line).and_then([](const InstanceView &view) {
		return gather_status(view).map([&view](json &&status) {
			return ViewedStatus{view, std::move(status)};
		});
	});
}

// Fails if the loader is not there to do its part.
Result<void> check_alive(const InstanceView &view)
{
	if (const auto silence = hangs_for(view)) {
		return hung(view, *silence);
	}
	if (view.alive) {
		return {};
	}
	return view_live_instance(view.bpffs, view.name).map([](const InstanceView &) {});
}

Result<json> flush_services(const CommandLine &line, const InstanceView &view)
{
	auto maps = view.open_service_maps();
	if (!maps) {
		return tl::unexpected(maps.error());
	}
	auto control = view.open(pin::control).and_then([](UniqueFd &&map) {
		return Control::open(std::move(map));
	});
	if (!control) {
		return tl::unexpected(control.error());
	}
	json flushed = json::array();
	std::string names;
	std::uint32_t number = 0;
	for (const auto &service : view.description["services"]) {
		const auto name = service.value("name", "");
		names += names.empty() ? name : ", " + name;
		if (line.service.empty() || line.service == name) {
			maps->bump_epoch(number);
			flushed.push_back({{"service", name}, {"epoch", maps->epoch(number)}});
			if (!line.service.empty()) {
				control->add(Act::flush, std::uint64_t{number} + 1);
			}
		}
		++number;
	}
	if (flushed.empty()) {
		return fail(fmt::format("service \"{}\"", line.service),
			    "is not served by this instance", 0, "services: " + names);
	}
	if (line.service.empty()) {
		control->add(Act::flush);
	}
	return flushed;
}

} // namespace

int show_status(const CommandLine &line)
{
	const auto found = find_status(line);
	if (!found) {
		return report(found.error());
	}
	if (line.json) {
		print(found->status);
	} else {
		fmt::print("{}", render_status(found->status));
	}
	const auto alive = check_alive(found->view);
	return alive ? 0 : report(alive.error());
}

int show_health(const CommandLine &line)
{
	const auto found = find_status(line);
	if (!found) {
		return report(found.error());
	}
	const auto &name = found->view.name;
	const auto problems = health_problems(found->status);
	if (line.json) {
		print({{"instance", name}, {"healthy", problems.empty()}, {"problems", problems}});
	} else {
		fmt::print("{}: {}\n", name, problems.empty() ? "healthy" : "not healthy");
		for (const auto &problem : problems) {
			fmt::print("  {}\n", problem);
		}
	}
	return problems.empty() ? 0 : 1;
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

int flush(const CommandLine &line)
{
	const auto view = find_instance(line);
	if (!view) {
		return report(view.error());
	}
	// A loader that hangs serves nothing now, and what it goes on with is flushed all the same.
	if (!view->alive) {
		return report(check_alive(*view).error());
	}
	const auto flushed = flush_services(line, *view);
	if (!flushed) {
		return report(flushed.error());
	}
	if (line.json) {
		print({{"instance", view->name}, {"flushed", *flushed}});
		return 0;
	}
	for (const auto &entry : *flushed) {
		fmt::print("{}: flushed\n", entry["service"].get<std::string>());
	}
	return 0;
}

int stop(const CommandLine &line)
{
	std::string name;
	const auto stopped = find_bpffs(line.bpffs).and_then([&](const BpffsPtr &bpffs) {
		return choose_instance(bpffs, line.name).and_then([&](const std::string &chosen) {
			name = chosen;
			return stop_instance(bpffs, name, line.timeout, make_log());
		});
	});
	if (!stopped) {
		return report(stopped.error());
	}
	if (line.json) {
		print({{"instance", name},
		       {"was_dead", stopped->was_dead},
		       {"was_hung", stopped->was_hung},
		       {"translated", stopped->spliced},
		       {"reset", stopped->reset}});
		return 0;
	}
	fmt::print("{}: stopped", name);
	if (stopped->spliced != 0) {
		fmt::print("; {} connections were translated, {} of them were reset",
			   stopped->spliced, stopped->reset);
	}
	fmt::print("\n");
	return 0;
}

} // namespace prestack
