// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/objects.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>

#include "dispatch.skel.h"
#include "kernel/contract.hpp"
#include "kernel/entry_tables.hpp"
#include "kernel/libbpf_options.hpp"
#include "maintenance.skel.h"

namespace prestack
{
namespace
{

// The verifier's log of a program that it refuses can have a million lines; the last tell why.
constexpr std::size_t longest_warning = 4000;

int print_warning(libbpf_print_level level, const char *format, va_list arguments)
{
	if (level != LIBBPF_WARN) {
		return 0;
	}
	va_list again;
	va_copy(again, arguments);
	const int length = std::vsnprintf(nullptr, 0, format, arguments);
	std::string text(static_cast<std::size_t>(std::max(length, 0)) + 1, '\0');
	std::vsnprintf(text.data(), text.size(), format, again);
	va_end(again);
	text.pop_back();
	if (text.size() > longest_warning) {
		const auto cut = text.find('\n', text.size() - longest_warning);
		text = text.substr(0, text.find('\n')) + "\n[...]" +
		       text.substr(cut == std::string::npos ? 0 : cut);
	}
	return std::fputs(text.c_str(), stderr);
}

// libbpf tells what it knows, the verifier's log above all, only to a process-wide hook. It is let
// speak while programs are loaded and kept silent otherwise: failures of everything else are often
// expected, and reported by our own errors.
class LibbpfWarnings
{
public:
	LibbpfWarnings() { libbpf_set_print(print_warning); }
	~LibbpfWarnings() { libbpf_set_print(nullptr); }
	LibbpfWarnings(const LibbpfWarnings &) = delete;
	LibbpfWarnings &operator=(const LibbpfWarnings &) = delete;
};

struct ProgramSlot {
	const char *program;
	const char *array;
	ps_hook_slot slot;
};
constexpr std::array program_slots{
	ProgramSlot{"ps_datagram_request", "ps_xdp_progs", PS_SLOT_DATAGRAM},
	ProgramSlot{"ps_stream_request", "ps_xdp_progs", PS_SLOT_STREAM},
	ProgramSlot{"ps_datagram_reply", "ps_tc_progs", PS_SLOT_DATAGRAM},
	ProgramSlot{"ps_stream_reply", "ps_tc_progs", PS_SLOT_STREAM},
};

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

Result<BpfObject> open_object(const std::string &name, const void *bytes, std::size_t size,
			      const ps_config &config)
{
	auto options = libbpf_options<bpf_object_open_opts>();
	options.object_name = name.c_str();
	BpfObject object(bpf_object__open_mem(bytes, size, &options));
	if (!object) {
		return fail("BPF object " + name, "open", errno);
	}
	if (auto set = set_config(object.get(), config); !set) {
		return tl::unexpected(set.error());
	}
	return object;
}

Result<void> reuse(bpf_object *object, const char *name, int fd)
{
	bpf_map *map = bpf_object__find_map_by_name(object, name);
	if (map == nullptr) {
		return {}; // an object need not use every map
	}
	if (const int problem = bpf_map__reuse_fd(map, fd); problem != 0) {
		return fail(fmt::format("map {} of BPF object {}", name, bpf_object__name(object)),
			    "reuse", problem);
	}
	return {};
}

Result<void> resize(bpf_object *object, const char *name, std::uint32_t elements)
{
	bpf_map *map = bpf_object__find_map_by_name(object, name);
	const int problem = map != nullptr ? bpf_map__set_max_entries(map, elements) : 0;
	return problem == 0 ? Result<void>()
			    : fail(fmt::format("map {}", name), "set the size", problem);
}

Result<void> load_object(bpf_object *object)
{
	const int problem = bpf_object__load(object);
	return problem == 0 ? Result<void>()
			    : fail(fmt::format("BPF object {}", bpf_object__name(object)), "load",
				   problem, load_mend(problem));
}

Result<void> fill_program_arrays(const Objects &objects, bpf_object *plugin,
				 std::uint32_t plugin_slot)
{
	for (const auto &[name, array, slot] : program_slots) {
		const bpf_program *program = bpf_object__find_program_by_name(plugin, name);
		if (program == nullptr) {
			continue; // the plug-in does not support this: the core counts and passes
		}
		const auto array_fd = objects.map(array);
		if (!array_fd) {
			return tl::unexpected(array_fd.error());
		}
		const std::uint32_t index = plugin_slot * PS_HOOK_SLOTS + slot;
		const int fd = bpf_program__fd(program);
		if (const int problem = bpf_map_update_elem(*array_fd, &index, &fd, BPF_ANY);
		    problem != 0) {
			return fail(fmt::format("program {} of plug-in {}", name,
						bpf_object__name(plugin)),
				    fmt::format("put into {}", array), problem);
		}
	}
	return {};
}

// Whether a map that a killed loader left is what we would make. The number of flows may differ: that
// is for the next start from scratch.
Result<void> check_shape(const bpf_map *map, const UniqueFd &left)
{
	bpf_map_info info{};
	__u32 size = sizeof info;
	const std::string_view name = bpf_map__name(map);
	if (bpf_obj_get_info_by_fd(left.get(), &info, &size) != 0) {
		return fail(fmt::format("map {}", name), "ask about", errno);
	}
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    (info.max_entries == bpf_map__max_entries(map) || name == "ps_flows")) {
		return {};
	}
	return fail(fmt::format("map {}", name), "is of another shape than a killed loader left it",
		    0, "end that instance with `prestack stop`");
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

using Check = Result<void> (*)(const bpf_object *object);

// Opens, checks and loads an object that shares the maps of `core`, which is loaded.
Result<BpfObject> load_with_maps_of(bpf_object *core, const std::string &name, const void *bytes,
				    std::size_t size, const ps_config &config,
				    Check check = nullptr)
{
	auto object = open_object(name, bytes, size, config);
	if (!object) {
		return object;
	}
	if (auto checked = check != nullptr ? check(object->get()) : Result<void>(); !checked) {
		return tl::unexpected(checked.error());
	}
	const bpf_map *map = nullptr;
	bpf_object__for_each_map(map, core)
	{
		if (!is_shared(map)) {
			continue;
		}
		if (auto reused = reuse(object->get(), bpf_map__name(map), bpf_map__fd(map));
		    !reused) {
			return tl::unexpected(reused.error());
		}
	}
	if (auto loaded = load_object(object->get()); !loaded) {
		return tl::unexpected(loaded.error());
	}
	return object;
}

} // namespace

Result<void> set_config(bpf_object *object, const ps_config &config)
{
	const std::string where =
		fmt::format("ps_config of BPF object {}", bpf_object__name(object));
	const btf *types = bpf_object__btf(object);
	const int section_id = types != nullptr
				       ? btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC)
				       : -ENOENT;
	bpf_map *rodata = nullptr;
	bpf_map *map = nullptr;
	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map) &&
		    std::string_view(bpf_map__name(map)).ends_with(".rodata")) {
			rodata = map;
		}
	}
	if (section_id < 0 || rodata == nullptr) {
		return fail(where, "find .rodata", ENOENT);
	}
	std::size_t size = 0;
	auto *bytes =
		static_cast<std::byte *>(const_cast<void *>(bpf_map__initial_value(rodata, &size)));
	const btf_type *section = btf__type_by_id(types, static_cast<__u32>(section_id));
	const btf_var_secinfo *variables = btf_var_secinfos(section);
	for (unsigned i = 0; i < btf_vlen(section); ++i) {
		const btf_type *variable = btf__type_by_id(types, variables[i].type);
		if (std::string_view(btf__name_by_offset(types, variable->name_off)) !=
		    "ps_config") {
			continue;
		}
		if (variables[i].size != sizeof config ||
		    variables[i].offset + sizeof config > size) {
			return fail(where,
				    fmt::format("has {} bytes, {} are expected", variables[i].size,
						sizeof config),
				    EINVAL,
				    "rebuild: the object and the loader are of different versions");
		}
		std::memcpy(bytes + variables[i].offset, &config, sizeof config);
		return {};
	}
	return fail(where, "find the variable", ENOENT);
}

// Gives the core's object the maps that exist already, and makes the entry tables.
Result<void> Objects::share(const Geometry &geometry, const ReusedMaps &reused)
{
	bpf_map *map = nullptr;
	bpf_object__for_each_map(map, core_.get())
	{
		if (!reused || !is_shared(map) || is_program_array(map)) {
			continue;
		}
		const std::string name = bpf_map__name(map);
		auto left = reused(name);
		if (!left) {
			return tl::unexpected(left.error());
		}
		if (!*left) {
			continue;
		}
		// The element size of these two is not that of their declaration.
		if (name == "ps_small") {
			small_ = std::move(*left);
			continue;
		}
		if (name == "ps_large") {
			large_ = std::move(*left);
			continue;
		}
		auto done = check_shape(map, *left).and_then([&] {
			return reuse(core_.get(), name.c_str(), left->get());
		});
		if (!done) {
			return done;
		}
	}
	if (!small_) {
		auto small = create_entry_table("ps_small", geometry.small_element,
						geometry.small_elements());
		if (!small) {
			return tl::unexpected(small.error());
		}
		small_ = std::move(*small);
	}
	if (!large_) {
		auto large = create_entry_table("ps_large", geometry.large_element,
						geometry.large_elements());
		if (!large) {
			return tl::unexpected(large.error());
		}
		large_ = std::move(*large);
	}
	return reuse(core_.get(), "ps_small", small_.get()).and_then([this] {
		return reuse(core_.get(), "ps_large", large_.get());
	});
}

Result<Objects> Objects::load(const ps_config &config, const Geometry &geometry,
			      const std::vector<const PluginInfo *> &plugins,
			      const ReusedMaps &reused)
{
	const LibbpfWarnings warnings;
	Objects objects;
	std::size_t size = 0;
	const void *bytes = dispatch_bpf__elf_bytes(&size);
	auto core = open_object("dispatch", bytes, size, config);
	if (!core) {
		return tl::unexpected(core.error());
	}
	objects.core_ = std::move(*core);
	bpf_object *object = objects.core_.get();
	auto prepared =
		resize(object, "ps_index", geometry.index_lines())
			.and_then([&] { return resize(object, "ps_fences", geometry.fences); })
			.and_then([&] { return resize(object, "ps_flows", geometry.flows); })
			.and_then([&] {
				return resize(object, "ps_pending_requests", geometry.pending);
			})
			.and_then([&] { return objects.share(geometry, reused); })
			.and_then([&] { return load_object(object); });
	if (!prepared) {
		return tl::unexpected(prepared.error());
	}

	bytes = maintenance_bpf__elf_bytes(&size);
	auto table = load_with_maps_of(object, "table", bytes, size, config);
	if (!table) {
		return tl::unexpected(table.error());
	}
	objects.table_ = std::move(*table);

	for (const auto *info : plugins) {
		bytes = info->elf_bytes(&size);
		auto plugin = load_with_maps_of(object, std::string(info->name), bytes, size,
						config, check_contract);
		if (!plugin) {
			return tl::unexpected(plugin.error());
		}
		const auto slot = static_cast<std::uint32_t>(objects.plugins_.size());
		if (auto filled = fill_program_arrays(objects, plugin->get(), slot); !filled) {
			return tl::unexpected(filled.error());
		}
		objects.plugins_.push_back(std::move(*plugin));
	}
	return objects;
}

Result<int> Objects::map(const char *name) const
{
	const int fd = bpf_object__find_map_fd_by_name(core_.get(), name);
	return fd >= 0 ? Result<int>(fd) : fail(fmt::format("map {}", name), "find", fd);
}

Result<int> Objects::program(const char *name) const
{
	const bpf_program *program = bpf_object__find_program_by_name(core_.get(), name);
	if (program == nullptr) {
		program = bpf_object__find_program_by_name(table_.get(), name);
	}
	return program != nullptr ? Result<int>(bpf_program__fd(program))
				  : fail(fmt::format("program {}", name), "find", ENOENT);
}

std::vector<std::pair<std::string, int>> Objects::shared_maps() const
{
	std::vector<std::pair<std::string, int>> maps;
	const bpf_map *map = nullptr;
	bpf_object__for_each_map(map, core_.get())
	{
		if (is_shared(map)) {
			maps.emplace_back(bpf_map__name(map), bpf_map__fd(map));
		}
	}
	return maps;
}

} // namespace prestack
