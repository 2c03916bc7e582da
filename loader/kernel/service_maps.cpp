// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/service_maps.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include "kernel/pin_names.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

// Longer than a packet takes from reading `conf` to its last look at the description.
constexpr auto grace = 20ms;

std::size_t states_size()
{
	const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
	return (sizeof(ps_service_state) * PS_MAX_SERVICES + page - 1) / page * page;
}

} // namespace

void ServiceMaps::Unmap::operator()(ps_service_state *states) const
{
	munmap(states, states_size());
}

Result<ServiceMaps> ServiceMaps::open(int conf_fd, int state_fd)
{
	UniqueFd conf(fcntl(conf_fd, F_DUPFD_CLOEXEC, 0));
	if (!conf) {
		return fail("map ps_service_conf", "duplicate the descriptor", errno);
	}
	void *states =
		mmap(nullptr, states_size(), PROT_READ | PROT_WRITE, MAP_SHARED, state_fd, 0);
	if (states == MAP_FAILED) {
		return fail("map ps_service_state", "mmap", errno);
	}
	return ServiceMaps(std::move(conf), static_cast<ps_service_state *>(states));
}

Result<ServiceMaps>
ServiceMaps::open_pinned(const std::function<Result<UniqueFd>(const std::string &pin)> &open_pin)
{
	const auto conf = open_pin(pin::service_conf);
	if (!conf) {
		return tl::unexpected(conf.error());
	}
	const auto state = open_pin(pin::service_state);
	if (!state) {
		return tl::unexpected(state.error());
	}
	return open(conf->get(), state->get());
}

void ServiceMaps::bump_epoch(std::uint32_t service)
{
	const std::atomic_ref epoch(states_[service].epoch);
	// 0 marks dead entries and paths, so it is never an epoch.
	if (epoch.fetch_add(1) + 1 == 0) {
		epoch.fetch_add(1);
	}
}

void ServiceMaps::bump_epoch(std::uint32_t service, std::chrono::nanoseconds settle)
{
	// The kernel's bpf_ktime_get_ns() is the same clock. Before the epoch, as ps_flush does it: a
	// lease that was taken without knowing of this is void.
	const std::chrono::nanoseconds until =
		std::chrono::steady_clock::now().time_since_epoch() + settle;
	const auto mine = static_cast<std::uint64_t>(until.count());
	const std::atomic_ref settle_until(states_[service].settle_until);
	auto old = settle_until.load();
	while (old < mine && !settle_until.compare_exchange_weak(old, mine)) {
	}
	bump_epoch(service);
}

void ServiceMaps::keep_alive(std::uint32_t service, std::chrono::nanoseconds span)
{
	const std::chrono::nanoseconds until =
		std::chrono::steady_clock::now().time_since_epoch() + span;
	std::atomic_ref(states_[service].alive_until)
		.store(span.count() == 0 ? 0 : static_cast<std::uint64_t>(until.count()));
}

Result<void> ServiceMaps::publish(std::uint32_t service, const ps_service_conf &conf)
{
	const auto since = std::chrono::steady_clock::now() - published_[service];
	if (since < grace) {
		std::this_thread::sleep_for(grace - since);
	}
	const std::atomic_ref in_use(states_[service].conf);
	const std::uint32_t other = (in_use.load() & 1) ^ 1;
	const std::uint32_t index = service * 2 + other;
	if (const int problem = bpf_map_update_elem(conf_.get(), &index, &conf, BPF_ANY);
	    problem != 0) {
		return fail("map ps_service_conf", fmt::format("update element {}", index),
			    problem);
	}
	in_use.store(other | conf.flags << PS_CONF_FLAGS);
	published_[service] = std::chrono::steady_clock::now();
	return {};
}

std::uint32_t ServiceMaps::epoch(std::uint32_t service) const
{
	return std::atomic_ref(states_[service].epoch).load();
}

Result<ps_service_conf> ServiceMaps::conf(std::uint32_t service) const
{
	const std::uint32_t index =
		service * 2 + (std::atomic_ref(states_[service].conf).load() & 1);
	ps_service_conf conf{};
	if (const int problem = bpf_map_lookup_elem(conf_.get(), &index, &conf); problem != 0) {
		return fail("map ps_service_conf", fmt::format("read element {}", index), problem);
	}
	return conf;
}

bool ServiceMaps::is_watched(std::uint32_t service) const
{
	const auto now = static_cast<std::uint64_t>(
		std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch())
			.count());
	return std::atomic_ref(states_[service].alive_until).load() > now;
}

bool ServiceMaps::is_serving(std::uint32_t service) const
{
	const auto described = conf(service);
	return described && (described->flags & PS_SERVICE_WAIT) == 0 && is_watched(service);
}

std::vector<ps_path> ServiceMaps::proven_paths(std::uint32_t service) const
{
	std::vector<ps_path> paths;
	for (const auto &path : states_[service].path) {
		if (std::atomic_ref(const_cast<std::uint32_t &>(path.epoch)).load() ==
		    epoch(service)) {
			paths.push_back(path);
		}
	}
	return paths;
}

ps_service_conf describe_service(const ServiceConfig &service)
{
	ps_service_conf conf{};
	conf.flags = flag_if(service.udp, PS_SERVICE_UDP) | flag_if(service.tcp, PS_SERVICE_TCP);
	conf.mtu = PS_MAX_MTU;
	for (const auto &prefix : service.allow) {
		ps_prefix &out = conf.allow[conf.nr_allow++];
		std::array<std::uint8_t, 16> mask{};
		for (unsigned bit = 0; bit < prefix.mapped_length(); ++bit) {
			mask[bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
		}
		std::memcpy(out.addr, prefix.address.bytes.data(), sizeof out.addr);
		std::memcpy(out.mask, mask.data(), sizeof out.mask);
	}
	return conf;
}

} // namespace prestack
