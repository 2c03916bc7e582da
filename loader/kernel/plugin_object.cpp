// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/plugin_object.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>

#include "kernel/contract.hpp"
#include "kernel/libbpf_options.hpp"

namespace prestack
{
namespace
{

struct ContractProgram {
	const char *name;
	int ProgramArrays::*array;
	ps_hook_slot slot;
};
constexpr std::array contract_programs{
	ContractProgram{"ps_datagram_request", &ProgramArrays::xdp, PS_SLOT_DATAGRAM},
	ContractProgram{"ps_stream_request", &ProgramArrays::xdp, PS_SLOT_STREAM},
	ContractProgram{"ps_datagram_reply", &ProgramArrays::tc, PS_SLOT_DATAGRAM},
	ContractProgram{"ps_stream_reply", &ProgramArrays::tc, PS_SLOT_STREAM},
};

bpf_map *find_rodata(const bpf_object *object)
{
	bpf_map *map = nullptr;
	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map) &&
		    std::string_view(bpf_map__name(map)).ends_with(".rodata")) {
			return map;
		}
	}
	return nullptr;
}

// Where the variable `ps_config` lies in .rodata, by the object's type information; null if it has none.
const btf_var_secinfo *find_config(const btf *types)
{
	const int section_id =
		types != nullptr ? btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC) : -1;
	if (section_id < 0) {
		return nullptr;
	}
	const btf_type *section = btf__type_by_id(types, static_cast<__u32>(section_id));
	const btf_var_secinfo *variables = btf_var_secinfos(section);
	for (unsigned i = 0; i < btf_vlen(section); ++i) {
		const btf_type *variable = btf__type_by_id(types, variables[i].type);
		if (std::string_view(btf__name_by_offset(types, variable->name_off)) ==
		    "ps_config") {
			return &variables[i];
		}
	}
	return nullptr;
}

Result<void> set_config(const bpf_object *object, const ps_config &config)
{
	const std::string where =
		fmt::format("ps_config of BPF object {}", bpf_object__name(object));
	bpf_map *rodata = find_rodata(object);
	const btf_var_secinfo *variable = find_config(bpf_object__btf(object));
	if (rodata == nullptr || variable == nullptr) {
		return fail(where, "find the variable in .rodata", ENOENT);
	}
	std::size_t size = 0;
	auto *bytes =
		static_cast<std::byte *>(const_cast<void *>(bpf_map__initial_value(rodata, &size)));
	if (variable->size != sizeof config || variable->offset + sizeof config > size) {
		return fail(
			where,
			fmt::format("has {} bytes, {} are expected", variable->size, sizeof config),
			EINVAL, "rebuild: the object and the loader are of different versions");
	}
	std::memcpy(bytes + variable->offset, &config, sizeof config);
	return {};
}

} // namespace

Result<BpfObject> open_plugin(const PluginInfo &plugin, const ps_config &config)
{
	const std::string name(plugin.name);
	auto options = libbpf_options<bpf_object_open_opts>();
	options.object_name = name.c_str();
	std::size_t size = 0;
	const void *bytes = plugin.elf_bytes(&size);
	BpfObject object(bpf_object__open_mem(bytes, size, &options));
	if (!object) {
		return fail("BPF object " + name, "open", errno);
	}
	// The contract first: an object of another version has another ps_config, too.
	auto done = check_contract(object.get()).and_then([&] {
		return set_config(object.get(), config);
	});
	if (!done) {
		return tl::unexpected(done.error());
	}
	return object;
}

Result<void> fill_program_arrays(const bpf_object *plugin, std::uint32_t plugin_slot,
				 const ProgramArrays &arrays)
{
	for (const auto &[name, array, slot] : contract_programs) {
		const bpf_program *program = bpf_object__find_program_by_name(plugin, name);
		if (program == nullptr) {
			continue;
		}
		const std::uint32_t index = plugin_slot * PS_HOOK_SLOTS + slot;
		const int fd = bpf_program__fd(program);
		if (const int problem = bpf_map_update_elem(arrays.*array, &index, &fd, BPF_ANY);
		    problem != 0) {
			return fail(fmt::format("program {} of plug-in {}", name,
						bpf_object__name(plugin)),
				    "put into a program array", problem);
		}
	}
	return {};
}

} // namespace prestack
