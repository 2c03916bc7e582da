// SPDX-License-Identifier: GPL-2.0-only
// The BPF object of a plug-in. The registry has only its bytes, so its programs and variables are found by
// the names of the contract (prestack/plugin.bpf.h), and not through a skeleton.
#pragma once

#include <cstdint>
#include <memory>

#include <bpf/libbpf.h>
#include <prestack/types.h>

#include "base/result.hpp"
#include "plugin/registry.hpp"

namespace prestack
{

struct CloseObject {
	void operator()(bpf_object *object) const { bpf_object__close(object); }
};
using BpfObject = std::unique_ptr<bpf_object, CloseObject>;

// Opens the plug-in's object, not loaded yet, with `config` in its .rodata.
[[nodiscard]] Result<BpfObject> open_plugin(const PluginInfo &plugin, const ps_config &config);

// Descriptors of the core's program arrays.
struct ProgramArrays {
	int xdp = -1;
	int tc = -1;
};
// Puts the programs of a plug-in that is loaded into its slot of the core's program arrays. A plug-in need
// not have all of them: the core counts and passes what it has no program for.
[[nodiscard]] Result<void> fill_program_arrays(const bpf_object *plugin, std::uint32_t plugin_slot,
					       const ProgramArrays &arrays);

} // namespace prestack
