// SPDX-License-Identifier: GPL-2.0-only
// Taking over what a killed loader left attached: the connections that its programs follow, and above
// all those whose segments they translate, which would break off without.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <prestack/flow.h>
#include <spdlog/logger.h>

#include "base/result.hpp"
#include "kernel/instance_dir.hpp"
#include "kernel/objects.hpp"
#include "plugin/registry.hpp"
#include "watch/service_monitor.hpp"

namespace prestack
{

// What decides whether tables of one loader mean the same to another. Pinned as it is, so no pointers.
struct TableFormat {
	std::uint32_t layout = PS_LAYOUT;
	std::uint32_t flow_size = sizeof(ps_flow);
	std::uint32_t handshake_size = sizeof(ps_handshake);
	std::uint32_t config_size = sizeof(ps_config);
	std::array<char, 32> version{};
	std::array<std::array<char, 32>, PS_MAX_PLUGINS> plugins{}; // by slot
	ps_config config{};
	// Where each service's server listens: numbers of services mean the same only while these do.
	struct Server {
		std::array<std::uint8_t, 16> address{};
		std::uint16_t port = 0;
		friend bool operator==(const Server &, const Server &) = default;
	};
	std::array<Server, PS_MAX_SERVICES> servers{};
};

[[nodiscard]] TableFormat make_table_format(const ps_config &config,
					    const std::vector<const PluginInfo *> &plugins,
					    const std::vector<ServiceConfig> &services);
[[nodiscard]] Result<UniqueFd> save_table_format(const TableFormat &format);

enum class Continuity { // from little to much
	none, // flows mean something else: they cannot be taken over
	flows, // taken over, but not followed any more: they refer to tables of another shape
	all, // nothing has changed for them
};
// How much of what `old` has left means the same to `now`. Pure. The seeds need not be the same yet.
[[nodiscard]] Continuity continuity_of(const TableFormat &old, const TableFormat &now);

struct Takeover {
	Continuity continuity = Continuity::none;
	ReusedMaps maps;
	std::vector<LeftLink> links; // on interfaces that are served again

	[[nodiscard]] bool has(int ifindex) const;
};

// Nothing: start from scratch, since nothing was left, or nobody needs it (then it is detached). Fails if
// connections would break off. May set the seeds in `format` to those in use. `interfaces` are the ones
// to be served. `dir` must outlive what is returned.
[[nodiscard]] Result<std::optional<Takeover>>
plan_takeover(InstanceDir &dir, TableFormat &format, const std::vector<ServedInterface> &interfaces,
	      const std::string &name, spdlog::logger &log);

// Whether the flows of a killed loader can be read.
[[nodiscard]] bool is_layout_known(const InstanceDir &dir);

// Removes filters on a qdisc, which outlive a killed loader. `description` is what it left, may be null.
void remove_left_filters(const nlohmann::json &description);

} // namespace prestack
