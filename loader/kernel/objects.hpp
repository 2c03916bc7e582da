// SPDX-License-Identifier: GPL-2.0-only
// The BPF objects of one run: the core's two and one per plug-in. All of them share the maps that the
// object `dispatch` declares.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prestack/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "config/geometry.hpp"
#include "kernel/plugin_object.hpp"
#include "plugin/registry.hpp"

// The skeletons that bpftool makes of core/dispatch.bpf.c and core/maintenance.bpf.c.
struct dispatch_bpf;
struct maintenance_bpf;

namespace prestack
{

// Opens a map of the core, by name, that an earlier loader made and that is to be used further. Gives no
// descriptor for a map that is to be made anew.
using ReusedMaps = std::function<Result<UniqueFd>(const std::string &name)>;

// Descriptors of the core's maps that user space works with.
struct CoreMaps {
	int service_conf = -1;
	int service_state = -1;
	int index = -1;
	int small = -1;
	int large = -1;
	int expiry_questions = -1;
	int stats = -1;
	int flows = -1;
	int handshakes = -1;
	int addresses = -1;
	int local_addresses = -1;
	int ports = -1;
	int links = -1;
};

// Descriptors of the core's programs.
struct CorePrograms {
	// Attached to interfaces.
	int xdp = -1;
	int tc_ingress = -1;
	int tc_egress = -1;
	// Test-run by user space, see core/maintenance.bpf.c.
	int scan = -1;
	int set_expiry = -1;
	int invalidations = -1;
	int count_flows = -1;
};

struct DestroySkeleton {
	void operator()(dispatch_bpf *skeleton) const;
	void operator()(maintenance_bpf *skeleton) const;
};

class Objects
{
public:
	// Loads everything and fills the program arrays. Nothing is attached. Each object gets `config`, and
	// `plugins[i]` gets plug-in slot i. Fails if a map of `reused` has another shape.
	[[nodiscard]] static Result<Objects> load(const ps_config &config, const Geometry &geometry,
						  const std::vector<const PluginInfo *> &plugins,
						  const ReusedMaps &reused = {});

	// Descriptors live as long as this object.
	[[nodiscard]] const CoreMaps &maps() const { return maps_; }
	[[nodiscard]] const CorePrograms &programs() const { return programs_; }
	// Every map that the core declares, with its name. Program arrays are among them: one that nobody has
	// open or pinned loses its programs.
	[[nodiscard]] std::vector<std::pair<std::string, int>> shared_maps() const;

private:
	[[nodiscard]] Result<void> load_dispatch(const ps_config &config, const Geometry &geometry,
						 const ReusedMaps &reused);
	[[nodiscard]] Result<void> load_maintenance(const ps_config &config);
	[[nodiscard]] Result<void> load_plugin(const PluginInfo &plugin, const ps_config &config);
	[[nodiscard]] Result<void> reuse_maps(const ReusedMaps &reused);
	[[nodiscard]] Result<void> make_entry_tables(const Geometry &geometry);
	[[nodiscard]] Result<void> share_maps(bpf_object *object) const;

	UniqueFd small_;
	UniqueFd large_;
	std::unique_ptr<dispatch_bpf, DestroySkeleton> dispatch_;
	std::unique_ptr<maintenance_bpf, DestroySkeleton> maintenance_;
	std::vector<BpfObject> plugins_;
	CoreMaps maps_;
	CorePrograms programs_;
};

} // namespace prestack
