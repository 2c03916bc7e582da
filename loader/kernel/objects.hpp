// SPDX-License-Identifier: GPL-2.0-only
// The BPF objects of one run: the core's and one per plug-in, sharing the core's maps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bpf/libbpf.h>
#include <prestack/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "config/geometry.hpp"
#include "plugin/registry.hpp"

namespace prestack
{

struct CloseObject {
	void operator()(bpf_object *object) const { bpf_object__close(object); }
};
using BpfObject = std::unique_ptr<bpf_object, CloseObject>;

// A map of the core that an earlier loader made and that is to be used on, by name; none: make it anew.
using ReusedMaps = std::function<Result<UniqueFd>(const std::string &name)>;

class Objects
{
public:
	// Loads everything and fills the program arrays; nothing is attached. `config` is given to
	// each object; `plugins[i]` gets plug-in slot i. Fails if a map of `reused` has another shape.
	[[nodiscard]] static Result<Objects> load(const ps_config &config, const Geometry &geometry,
						  const std::vector<const PluginInfo *> &plugins,
						  const ReusedMaps &reused = {});

	// Descriptors live as long as this object. The name must be one of the core's.
	[[nodiscard]] Result<int> map(const char *name) const;
	[[nodiscard]] Result<int> program(const char *name) const;
	// Every map that the core's object declares. Program arrays are among them: one that nobody has
	// open or pinned loses its programs.
	[[nodiscard]] std::vector<std::pair<std::string, int>> shared_maps() const;

private:
	[[nodiscard]] Result<void> share(const Geometry &geometry, const ReusedMaps &reused);

	UniqueFd small_;
	UniqueFd large_;
	BpfObject core_; // the programs that are attached
	BpfObject table_; // those that user space runs
	std::vector<BpfObject> plugins_;
};

// Copies `config` into the variable `ps_config` of the object's .rodata; before load.
[[nodiscard]] Result<void> set_config(bpf_object *object, const ps_config &config);

} // namespace prestack
