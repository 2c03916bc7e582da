// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/objects.hpp"

#include <cerrno>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "dispatch.skel.h"
#include "kernel/entry_tables.hpp"
#include "kernel/libbpf_log.hpp"
#include "maintenance.skel.h"

namespace prestack
{
namespace
{

std::string load_mend(int problem)
{
	switch (problem < 0 ? -problem : problem) {
	case EPERM:
		return "run as root (CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON)";
	case ENOMEM:
		return "lower cache.memory";
	case EACCES:
	case E2BIG:
		return "the kernel's verifier refused a program, its words are above: please "
		       "report this";
	default:
		return "the kernel's words are above";
	}
}

// What came of loading an object: `problem` as libbpf returns it.
Result<void> check_loaded(const bpf_object *object, int problem)
{
	return problem == 0 ? Result<void>()
			    : fail(fmt::format("BPF object {}", bpf_object__name(object)), "load",
				   problem, load_mend(problem));
}

Result<void> reuse(bpf_map *map, int fd)
{
	const int problem = bpf_map__reuse_fd(map, fd);
	return problem == 0 ? Result<void>()
			    : fail(fmt::format("map {}", bpf_map__name(map)), "reuse", problem);
}

Result<void> resize(bpf_map *map, std::uint32_t elements)
{
	const int problem = bpf_map__set_max_entries(map, elements);
	return problem == 0
		       ? Result<void>()
		       : fail(fmt::format("map {}", bpf_map__name(map)), "set the size", problem);
}

// Fails unless a map that a killed loader left is what we would make. With `any_length` it may have
// another number of elements.
Result<void> check_shape(const bpf_map *map, const UniqueFd &left, bool any_length)
{
	bpf_map_info info{};
	__u32 size = sizeof info;
	if (bpf_obj_get_info_by_fd(left.get(), &info, &size) != 0) {
		return fail(fmt::format("map {}", bpf_map__name(map)), "ask about", errno);
	}
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    (info.max_entries == bpf_map__max_entries(map) || any_length)) {
		return {};
	}
	return fail(fmt::format("map {}", bpf_map__name(map)),
		    "is of another shape than a killed loader left it", 0,
		    "end that instance with `prestack stop`");
}

bool is_program_array(const bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY;
}

bool is_shared(const bpf_map *map)
{
	return !bpf_map__is_internal(map) &&
	       std::string_view(bpf_map__name(map)).starts_with("ps_");
}

// Makes the entry table that `map` declares, unless there is one already, and gives it to the object.
Result<void> provide_entry_table(bpf_map *map, UniqueFd &table, std::uint32_t element_size,
				 std::uint64_t elements)
{
	if (!table) {
		auto made = create_entry_table(bpf_map__name(map), element_size, elements);
		if (!made) {
			return tl::unexpected(made.error());
		}
		table = std::move(*made);
	}
	return reuse(map, table.get());
}

} // namespace

void DestroySkeleton::operator()(dispatch_bpf *skeleton) const
{
	dispatch_bpf__destroy(skeleton);
}

void DestroySkeleton::operator()(maintenance_bpf *skeleton) const
{
	maintenance_bpf__destroy(skeleton);
}

// Gives the object the maps that an earlier loader left.
Result<void> Objects::reuse_maps(const ReusedMaps &reused)
{
	if (!reused) {
		return {};
	}
	const auto &maps = dispatch_->maps;
	bpf_map *map = nullptr;
	bpf_object__for_each_map(map, dispatch_->obj)
	{
		if (!is_shared(map) || is_program_array(map)) {
			continue;
		}
		auto left = reused(bpf_map__name(map));
		if (!left) {
			return tl::unexpected(left.error());
		}
		if (!*left) {
			continue;
		}
		// The element size of the entry tables is not that of their declaration.
		if (map == maps.ps_small) {
			small_ = std::move(*left);
		} else if (map == maps.ps_large) {
			large_ = std::move(*left);
		} else {
			// Another number of flows takes effect with the next start that takes nothing over.
			auto done = check_shape(map, *left, map == maps.ps_flows).and_then([&] {
				return reuse(map, left->get());
			});
			if (!done) {
				return done;
			}
		}
	}
	return {};
}

Result<void> Objects::make_entry_tables(const Geometry &geometry)
{
	const auto &maps = dispatch_->maps;
	return provide_entry_table(maps.ps_small, small_, geometry.small_element,
				   geometry.small_elements())
		.and_then([&] {
			return provide_entry_table(maps.ps_large, large_, geometry.large_element,
						   geometry.large_elements());
		});
}

// Gives another object, which is not loaded yet, the maps of `dispatch`, which is. An object need not use
// every map.
Result<void> Objects::share_maps(bpf_object *object) const
{
	const bpf_map *map = nullptr;
	bpf_object__for_each_map(map, dispatch_->obj)
	{
		bpf_map *same = bpf_object__find_map_by_name(object, bpf_map__name(map));
		if (!is_shared(map) || same == nullptr) {
			continue;
		}
		if (auto done = reuse(same, bpf_map__fd(map)); !done) {
			return done;
		}
	}
	return {};
}

Result<void> Objects::load_dispatch(const ps_config &config, const Geometry &geometry,
				    const ReusedMaps &reused)
{
	dispatch_.reset(dispatch_bpf__open());
	if (!dispatch_) {
		return fail("BPF object dispatch", "open", errno);
	}
	dispatch_->rodata->ps_config = config;
	const auto &maps = dispatch_->maps;
	auto done = resize(maps.ps_index, geometry.index_lines())
			    .and_then([&] { return resize(maps.ps_fences, geometry.fences); })
			    .and_then([&] { return resize(maps.ps_flows, geometry.flows); })
			    .and_then([&] {
				    return resize(maps.ps_pending_requests, geometry.pending);
			    })
			    .and_then([&] { return reuse_maps(reused); })
			    .and_then([&] { return make_entry_tables(geometry); })
			    .and_then([&] {
				    return check_loaded(dispatch_->obj,
							dispatch_bpf__load(dispatch_.get()));
			    });
	if (!done) {
		return done;
	}
	maps_.service_conf = bpf_map__fd(maps.ps_service_conf);
	maps_.service_state = bpf_map__fd(maps.ps_service_state);
	maps_.index = bpf_map__fd(maps.ps_index);
	maps_.small = bpf_map__fd(maps.ps_small);
	maps_.large = bpf_map__fd(maps.ps_large);
	maps_.expiry_questions = bpf_map__fd(maps.ps_expiry_questions);
	maps_.stats = bpf_map__fd(maps.ps_stats);
	maps_.flows = bpf_map__fd(maps.ps_flows);
	maps_.handshakes = bpf_map__fd(maps.ps_handshakes);
	maps_.addresses = bpf_map__fd(maps.ps_addresses);
	maps_.local_addresses = bpf_map__fd(maps.ps_local_addresses);
	maps_.ports = bpf_map__fd(maps.ps_ports);
	maps_.links = bpf_map__fd(maps.ps_links);
	const auto &programs = dispatch_->progs;
	programs_.xdp = bpf_program__fd(programs.ps_xdp);
	programs_.tc_ingress = bpf_program__fd(programs.ps_tc_ingress);
	programs_.tc_egress = bpf_program__fd(programs.ps_tc_egress);
	return {};
}

Result<void> Objects::load_maintenance(const ps_config &config)
{
	maintenance_.reset(maintenance_bpf__open());
	if (!maintenance_) {
		return fail("BPF object maintenance", "open", errno);
	}
	maintenance_->rodata->ps_config = config;
	auto done = share_maps(maintenance_->obj).and_then([this] {
		return check_loaded(maintenance_->obj, maintenance_bpf__load(maintenance_.get()));
	});
	if (!done) {
		return done;
	}
	const auto &programs = maintenance_->progs;
	programs_.scan = bpf_program__fd(programs.ps_scan);
	programs_.set_expiry = bpf_program__fd(programs.ps_set_expiry);
	programs_.invalidations = bpf_program__fd(programs.ps_invalidations);
	programs_.count_flows = bpf_program__fd(programs.ps_count_flows);
	return {};
}

Result<void> Objects::load_plugin(const PluginInfo &plugin, const ps_config &config)
{
	auto opened = open_plugin(plugin, config);
	if (!opened) {
		return tl::unexpected(opened.error());
	}
	auto *object = opened->get();
	const auto slot = static_cast<std::uint32_t>(plugins_.size());
	const ProgramArrays arrays{bpf_map__fd(dispatch_->maps.ps_xdp_progs),
				   bpf_map__fd(dispatch_->maps.ps_tc_progs)};
	plugins_.push_back(std::move(*opened));
	return share_maps(object)
		.and_then([&] { return check_loaded(object, bpf_object__load(object)); })
		.and_then([&] { return fill_program_arrays(object, slot, arrays); });
}

Result<Objects> Objects::load(const ps_config &config, const Geometry &geometry,
			      const std::vector<const PluginInfo *> &plugins,
			      const ReusedMaps &reused)
{
	const LibbpfWarnings warnings;
	Objects objects;
	auto done = objects.load_dispatch(config, geometry, reused).and_then([&] {
		return objects.load_maintenance(config);
	});
	for (const auto *plugin : plugins) {
		if (done) {
			done = objects.load_plugin(*plugin, config);
		}
	}
	if (!done) {
		return tl::unexpected(done.error());
	}
	return objects;
}

std::vector<std::pair<std::string, int>> Objects::shared_maps() const
{
	std::vector<std::pair<std::string, int>> maps;
	const bpf_map *map = nullptr;
	bpf_object__for_each_map(map, dispatch_->obj)
	{
		if (is_shared(map)) {
			maps.emplace_back(bpf_map__name(map), bpf_map__fd(map));
		}
	}
	return maps;
}

} // namespace prestack
