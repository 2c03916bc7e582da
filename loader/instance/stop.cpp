// SPDX-License-Identifier: GPL-2.0-only
#include "instance/stop.hpp"

#include <cerrno>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "attach/takeover.hpp"
#include "base/host.hpp"
#include "instance/control.hpp"
#include "instance/drain.hpp"
#include "kernel/instance_dir.hpp"
#include "kernel/pin_names.hpp"
#include "kernel/service_maps.hpp"
#include "watch/known_addresses.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

constexpr auto look = 20ms;
// A loader looks at its orders several times a second.
constexpr auto most_silence = 10s;

std::string object_name(const std::string &name)
{
	return fmt::format("instance \"{}\"", name);
}

bool is_alive(const BpffsPtr &bpffs, const std::string &name)
{
	const auto view = view_instance(bpffs, name);
	return view && view->alive;
}

Failure left_attached(const std::string &name, int errnum)
{
	return fail(
		object_name(name), "reset the connections that are translated", errnum,
		"it stays attached and answers nothing; close them and stop it again (resets need "
		"CONFIG_INET_DIAG_DESTROY)");
}

// Nothing if its loader died meanwhile.
Result<std::optional<StopReport>> stop_living(const BpffsPtr &bpffs, const InstanceView &view,
					      std::chrono::nanoseconds timeout)
{
	auto control = view.open(pin::control).and_then([](UniqueFd &&map) {
		return Control::open(std::move(map));
	});
	if (!control) {
		return tl::unexpected(control.error());
	}
	control->give(timeout.count() == 0 ? StopOrder::now : StopOrder::drain, timeout);
	const auto deadline = std::chrono::steady_clock::now() + timeout + most_silence;
	while (is_alive(bpffs, view.name)) {
		if (std::chrono::steady_clock::now() > deadline) {
			return fail(object_name(view.name), "does not react", ETIMEDOUT,
				    fmt::format("kill -9 {}, and stop it again",
						view.description.value("pid", 0)));
		}
		std::this_thread::sleep_for(look);
	}
	const auto words = control->read();
	if (words.state == StopState::left) {
		return left_attached(view.name, static_cast<int>(words.errnum));
	}
	if (words.state != StopState::ended) {
		return std::optional<StopReport>();
	}
	return StopReport{false, words.spliced, words.reset};
}

// The services of a dead instance answer nothing any more.
Result<void> forbid_answers(const InstanceDir &dir)
{
	auto maps = dir.open_leftover_service_maps();
	if (!maps) {
		return tl::unexpected(maps.error());
	}
	const auto services = dir.leftover().value("services", nlohmann::json::array()).size();
	for (std::uint32_t i = 0; i < services && i < PS_MAX_SERVICES; ++i) {
		maps->keep_alive(i, 0ns);
		auto done = maps->conf(i).and_then([&](ps_service_conf conf) {
			conf.flags |= PS_SERVICE_DRAIN;
			return maps->publish(i, conf);
		});
		if (!done) {
			return done;
		}
	}
	std::this_thread::sleep_for(look);
	return {};
}

Result<DrainReport> drain_dead(const InstanceDir &dir, std::chrono::nanoseconds timeout,
			       const std::shared_ptr<spdlog::logger> &log)
{
	const bool known = is_layout_known(dir);
	if (known) {
		if (auto done = forbid_answers(dir); !done) {
			return tl::unexpected(done.error());
		}
	}
	const auto flows = dir.open_leftover(pin::flows);
	if (!flows) {
		return tl::unexpected(flows.error());
	}
	// Of an older version there may be no list of addresses.
	std::set<std::uint16_t> ports;
	FlowScopes scopes;
	if (const auto addresses = dir.open_leftover(pin::addresses); addresses) {
		if (const auto listening = read_listening(addresses->get())) {
			const auto listed = KnownAddresses{*listening, {}}.ports();
			ports.insert(listed.begin(), listed.end());
		}
	}
	if (const auto links = dir.open_leftover(pin::links); links) {
		scopes = read_flow_scopes(links->get());
	}
	for (const auto &service : dir.leftover().value("services", nlohmann::json::array())) {
		ports.insert(service.value("port", std::uint16_t{0}));
	}
	auto connections = SplicedConnections::open(flows->get(), {ports.begin(), ports.end()},
						    std::move(scopes), known);
	if (!connections) {
		return tl::unexpected(connections.error());
	}
	const auto deadline = Drain::Clock::now() + timeout;
	return Drain(std::move(*connections), log)
		.run([deadline] { return deadline - Drain::Clock::now(); },
		     [](std::chrono::milliseconds pause) -> Result<void> {
			     std::this_thread::sleep_for(pause);
			     return {};
		     });
}

Result<StopReport> stop_dead(const BpffsPtr &bpffs, const std::string &name,
			     std::chrono::nanoseconds timeout,
			     const std::shared_ptr<spdlog::logger> &log)
{
	auto dir = InstanceDir::claim(bpffs, name);
	if (!dir) {
		return tl::unexpected(dir.error());
	}
	StopReport report;
	report.was_dead = true;
	auto links = dir->leftover_links();
	const auto netns = links.empty() ? dir->leftover().value("netns", std::uint64_t{0})
					 : links.front().pin.netns;
	// A namespace that is gone has taken its interfaces and connections with it.
	const bool entered = enter_netns(netns);
	const bool attached = std::ranges::any_of(links, &LeftLink::attached);
	if (attached && !entered) {
		return fail(object_name(name), "enter its network namespace", ENOENT,
			    "stop it from within that namespace");
	}
	if (attached && dir->leftover().is_object()) {
		const auto drained = drain_dead(*dir, timeout, log);
		if (!drained) {
			return left_attached(name, drained.error().errnum);
		}
		report.spliced = drained->spliced;
		report.reset = drained->reset;
	}
	for (auto &link : links) {
		const BpfLink detached(std::move(link.fd));
	}
	remove_left_filters(dir->leftover());
	dir->own();
	return report;
}

} // namespace

Result<StopReport> stop_instance(const BpffsPtr &bpffs, const std::string &name,
				 std::chrono::nanoseconds timeout,
				 const std::shared_ptr<spdlog::logger> &log)
{
	const auto view = view_instance(bpffs, name);
	if (!view) {
		return tl::unexpected(view.error());
	}
	if (view->alive) {
		const auto stopped = stop_living(bpffs, *view, timeout);
		if (!stopped) {
			return tl::unexpected(stopped.error());
		}
		if (*stopped) {
			return **stopped;
		}
	}
	return stop_dead(bpffs, name, timeout, log);
}

} // namespace prestack
