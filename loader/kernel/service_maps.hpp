// SPDX-License-Identifier: GPL-2.0-only
// The maps through which user space tells the kernel about services: ps_service_conf and
// ps_service_state. See prestack/types.h for how the two halves agree.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <prestack/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace prestack
{

// Service numbers are 0..PS_MAX_SERVICES-1, in the order of enabled services. One thread.
class ServiceMaps
{
public:
	// Duplicates the descriptors. Maps the state writable.
	[[nodiscard]] static Result<ServiceMaps> open(int conf_fd, int state_fd);
	// The maps of an instance that another process runs, or has left. `open_pin` opens one by its name.
	[[nodiscard]] static Result<ServiceMaps>
	open_pinned(const std::function<Result<UniqueFd>(const std::string &pin)> &open_pin);

	// Makes all cached entries and proven paths of a service void. O(1), atomic against BPF.
	void bump_epoch(std::uint32_t service);
	// The same, and nothing is cached for `settle`: writes may be under way that nobody saw arrive.
	void bump_epoch(std::uint32_t service, std::chrono::nanoseconds settle);
	// The kernel serves until `span` from now, and not at all with 0: what makes the cache safe is
	// watched from user space, so somebody must go on saying so.
	void keep_alive(std::uint32_t service, std::chrono::nanoseconds span);
	// The current description is replaced at once; may sleep some milliseconds if the last change
	// was just now, so that no packet still reads the copy that is overwritten.
	[[nodiscard]] Result<void> publish(std::uint32_t service, const ps_service_conf &conf);

	[[nodiscard]] std::uint32_t epoch(std::uint32_t service) const;
	// The kernel may serve: keep_alive() was called not long ago.
	[[nodiscard]] bool is_watched(std::uint32_t service) const;
	// And the service waits for no old connections.
	[[nodiscard]] bool is_serving(std::uint32_t service) const;
	[[nodiscard]] Result<ps_service_conf> conf(std::uint32_t service) const;
	[[nodiscard]] std::vector<ps_path> proven_paths(std::uint32_t service) const;

private:
	struct Unmap {
		void operator()(ps_service_state *states) const;
	};
	ServiceMaps(UniqueFd conf, ps_service_state *states)
		: conf_(std::move(conf)), states_(states)
	{
	}

	UniqueFd conf_;
	std::unique_ptr<ps_service_state[], Unmap> states_;
	std::vector<std::chrono::steady_clock::time_point> published_{PS_MAX_SERVICES};
};

// `flag` of enum ps_service_flags if `on`, else 0.
[[nodiscard]] constexpr std::uint32_t flag_if(bool on, ps_service_flags flag)
{
	return on ? static_cast<std::uint32_t>(flag) : 0;
}

// The part of a service's description that the configuration decides.
[[nodiscard]] ps_service_conf describe_service(const ServiceConfig &service);

} // namespace prestack
