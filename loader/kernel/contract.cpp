// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/contract.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include <bpf/btf.h>
#include <fmt/format.h>
#include <prestack/contract.h>

namespace prestack
{
namespace
{

// Where the variable begins in .rodata.
std::optional<std::uint32_t> offset_in_rodata(const btf *types, std::string_view variable)
{
	const int section_id = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
	if (section_id < 0) {
		return {};
	}
	const btf_type *section = btf__type_by_id(types, static_cast<__u32>(section_id));
	const btf_var_secinfo *members = btf_var_secinfos(section);
	for (unsigned i = 0; i < btf_vlen(section); ++i) {
		const btf_type *type = btf__type_by_id(types, members[i].type);
		if (btf__name_by_offset(types, type->name_off) == variable) {
			return members[i].offset;
		}
	}
	return {};
}

// What is to be in .rodata when the object is loaded, a variable's value from `offset` on.
std::optional<std::uint32_t> word_of_rodata(const bpf_object *object, std::uint32_t offset)
{
	const bpf_map *map = nullptr;
	bpf_object__for_each_map(map, object)
	{
		if (!bpf_map__is_internal(map) ||
		    !std::string_view(bpf_map__name(map)).ends_with(".rodata")) {
			continue;
		}
		std::size_t size = 0;
		// The library takes no const map, but changes nothing.
		const auto *bytes = static_cast<const std::byte *>(
			bpf_map__initial_value(const_cast<bpf_map *>(map), &size));
		std::uint32_t word = 0;
		if (bytes != nullptr && size >= sizeof word && offset <= size - sizeof word) {
			std::memcpy(&word, bytes + offset, sizeof word);
			return word;
		}
	}
	return {};
}

} // namespace

Result<void> check_contract(const bpf_object *object)
{
	const std::string what = fmt::format("plug-in {}", bpf_object__name(object));
	const btf *types = bpf_object__btf(object);
	const auto offset = types != nullptr ? offset_in_rodata(types, "ps_contract_version")
					     : std::optional<std::uint32_t>();
	const auto version = offset ? word_of_rodata(object, *offset) : offset;
	if (!version) {
		return fail(what, "does not tell for which version of the contract it was compiled",
			    0, "include <prestack/plugin.bpf.h> and compile it anew");
	}
	if (*version != PS_CONTRACT_VERSION) {
		return fail(
			what,
			fmt::format("was compiled for version {} of the contract, this prestack "
				    "has version {}",
				    *version, PS_CONTRACT_VERSION),
			0, "compile it anew with this prestack's headers");
	}
	return {};
}

} // namespace prestack
