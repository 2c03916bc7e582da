// SPDX-License-Identifier: GPL-2.0-only
// The life of an instance after its start, and its end.
#include "instance/instance.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <thread>

#include <systemd/sd-daemon.h>

#include "base/host.hpp"
#include "instance/drain.hpp"
#include "instance/maintenance.hpp"
#include "watch/link_monitor.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

// Longer than a packet is with a program.
constexpr auto grace = 20ms;
constexpr auto look_at_orders = 100ms;

// Does what is to be done for about that long, or until it is asked to stop once more.
Result<void> turn_for(EventLoop &loop, std::chrono::milliseconds pause)
{
	const auto until = std::chrono::steady_clock::now() + pause;
	const auto stops = loop.stops();
	while (loop.stops() == stops) {
		const auto left = std::chrono::ceil<std::chrono::milliseconds>(
			until - std::chrono::steady_clock::now());
		if (left.count() <= 0) {
			break;
		}
		if (auto done = loop.turn(left); !done) {
			return done;
		}
	}
	return {};
}

} // namespace

Result<void> Instance::on_link_event(const LinkMonitor &watch)
{
	std::set<int> served;
	for (const auto &interface : attachment_.interfaces()) {
		served.insert(interface.ifindex);
	}
	const auto changes = watch.read(served);
	if (!changes) {
		return tl::unexpected(changes.error());
	}
	for (const auto &interface : attachment_.interfaces()) {
		if (std::ranges::find(changes->deleted, interface.ifindex) !=
			    changes->deleted.end() ||
		    (changes->lost && interface_index(interface.name) != interface.ifindex)) {
			return fail("interface " + interface.name,
				    "was deleted or moved to another network namespace", ENODEV,
				    "start again when it is back");
		}
	}
	if (changes->went_down || changes->lost) {
		monitor_.flush_all("an interface went down");
	} else if (changes->address_removed) {
		monitor_.flush_all("an address was removed from this host");
	}
	return monitor_.refresh();
}

Result<SplicedConnections> Instance::spliced() const
{
	const auto &known = monitor_.known();
	return SplicedConnections::open(objects_.maps().flows, known->ports(), known->scopes);
}

void Instance::leave()
{
	attachment_.leave();
	dir_.leave();
}

Result<void> Instance::run(EventLoop &loop)
{
	const auto links = LinkMonitor::open();
	if (!links) {
		return tl::unexpected(links.error());
	}
	if (auto armed = loop.watch(links->fd(), [&] { return on_link_event(*links); }); !armed) {
		return armed;
	}
	Maintenance maintenance(loop, monitor_, *connections_, *agents_, log_);
	auto started = maintenance.start().and_then([&] {
		return loop.every(look_at_orders, [this, &loop]() -> Result<void> {
			if (control_->order() != StopOrder::none && loop.stops() == 0) {
				loop.stop();
			}
			return {};
		});
	});
	if (!started) {
		return started;
	}
	log_->info("serving");
	sd_notify(0, "READY=1");
	auto ended = loop.run();
	sd_notify(0, "STOPPING=1");
	if (ended) {
		return drain(loop);
	}
	const auto left = spliced().and_then([](const auto &all) { return all.list(); });
	if (!left || !left->empty()) {
		log_->warn("connections are translated: what does that stays attached, until the "
			   "next run of this name or `prestack stop`");
		leave();
	}
	return ended;
}

Result<void> Instance::drain(EventLoop &loop)
{
	monitor_.stop_answering();
	if (auto done = monitor_.refresh(); !done) {
		log_->warn("{}", to_string(done.error())); // then they are reset at the end
	}
	control_->set_state(StopState::draining, 0, 0, 0);
	// A packet may still be with the description that allowed answers.
	std::this_thread::sleep_for(grace);
	auto connections = spliced();
	if (!connections) {
		leave();
		return tl::unexpected(connections.error());
	}
	const auto ordered = control_->order() == StopOrder::none
				     ? std::chrono::nanoseconds(drain_timeout_)
				     : control_->timeout();
	const auto deadline = std::chrono::steady_clock::now() + ordered;
	Drain drain(std::move(*connections), log_);
	const auto ended = drain.run(
		[&]() -> Drain::Clock::duration {
			const bool now = loop.stops() > 1 || control_->order() == StopOrder::now;
			return now ? Drain::Clock::duration::zero()
				   : deadline - Drain::Clock::now();
		},
		[&loop](std::chrono::milliseconds pause) { return turn_for(loop, pause); });
	const auto &report = drain.report();
	if (ended) {
		control_->set_state(StopState::ended, report.spliced, report.reset, 0);
		return {};
	}
	leave();
	control_->set_state(StopState::left, report.spliced, report.reset, ended.error().errnum);
	log_->error("connections that are translated could not be ended: what translates them "
		    "stays attached; `prestack stop` when they are closed");
	return tl::unexpected(ended.error());
}

} // namespace prestack
