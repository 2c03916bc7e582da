// SPDX-License-Identifier: GPL-2.0-only
// What is asked of an instance while it runs: by signals, and by the commands through the control map.
#include <csignal>
#include <cstring>
#include <sstream>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "config/reload.hpp"
#include "instance/instance.hpp"
#include "kernel/description.hpp"
#include "report/report.hpp"

namespace prestack
{
namespace
{

std::string sender_of(const EventLoop::Signal &signal)
{
	return signal.pid == 0 ? "the kernel"
			       : fmt::format("uid {}, process {}", signal.uid, signal.pid);
}

std::string describe(const ActRecord &record, const nlohmann::json &services)
{
	switch (record.act) {
	case Act::stop:
		return "stop";
	case Act::stop_now:
		return "stop --now";
	case Act::flush:
		break;
	}
	const auto number = record.service - 1;
	return record.service == 0 || number >= services.size()
		       ? "flush of all services"
		       : fmt::format("flush of service {}", services[number].value("name", ""));
}

} // namespace

Result<void> Instance::look_at_orders(EventLoop &loop)
{
	control_->beat();
	log_acts();
	if (control_->order() != StopOrder::none && loop.stops() == 0) {
		loop.stop();
	}
	return {};
}

void Instance::log_acts()
{
	const auto [lost, acts] = control_->take_new();
	if (lost != 0) {
		log_->warn("{} commands came too fast to be told one by one", lost);
	}
	for (const auto &record : acts) {
		log_->info("{}: asked for by {}", describe(record, description_["services"]),
			   to_string(record.asker));
	}
}

Result<void> Instance::on_signal(const EventLoop::Signal &signal, bool stopping)
{
	log_->info("SIG{} from {}", sigabbrev_np(signal.number), sender_of(signal));
	if (signal.number == SIGUSR1) {
		log_statistics();
	} else if (signal.number == SIGHUP && stopping) {
		log_->warn("not reloaded: the instance is stopping");
	} else if (signal.number == SIGHUP) {
		sd_notify(0, "RELOADING=1");
		reload();
		sd_notify(0, "READY=1");
	}
	return {};
}

void Instance::log_statistics()
{
	const auto stats = view_instance(bpffs_, options_.name).and_then(gather_stats);
	if (!stats) {
		log_->warn("{}", to_string(stats.error()));
		return;
	}
	std::istringstream lines(render_stats(*stats));
	for (std::string line; std::getline(lines, line);) {
		log_->info("{}", line);
	}
}

// All or nothing: a file that is half in force is worse than an old one.
void Instance::reload()
{
	const auto fresh = options_.load(config_.path);
	const auto changes = fresh ? plan_reload(config_, *fresh) : tl::unexpected(fresh.error());
	if (!changes) {
		for (const auto &error : changes.error()) {
			log_->error("{}", to_string(error));
		}
		log_->error("not reloaded: nothing is changed");
		return;
	}
	if (const auto done = apply(*fresh); !done) {
		log_->error("reloaded in part: {}", to_string(done.error()));
		return;
	}
	for (const auto &change : *changes) {
		log_->info("{}: was {}, is {}", change.name, change.before, change.now);
	}
	log_->info("reloaded {}: {} keys changed", config_.path.string(), changes->size());
}

Result<void> Instance::apply(const Config &fresh)
{
	std::uint32_t number = 0;
	for (const auto &service : fresh.services) {
		if (!service.enabled) {
			continue;
		}
		if (auto done = monitor_.set_allow(number, service.allow); !done) {
			return done;
		}
		++number;
	}
	config_ = fresh;
	apply_settings();
	auto description =
		describe_instance(options_.name, config_, geometry_, attachment_.describe());
	description["started"] = description_["started"];
	description_ = std::move(description);
	return dir_.describe_anew(description_);
}

void Instance::apply_settings()
{
	log_->set_level(spdlog::level::from_str(config_.log.level));
	agents_->set_audit({config_.cache.audit_rate, config_.cache.warm_rate, config_.log.keys});
}

} // namespace prestack
