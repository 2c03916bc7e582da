// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/entry_tables.hpp"

#include <cerrno>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>
#include <prestack/types.h>

#include "base/text.hpp"
#include "kernel/libbpf_options.hpp"
#include "kernel/test_run.hpp"

namespace prestack
{
namespace
{

struct ElementTypes {
	UniqueFd btf;
	int key = 0;
	int value = 0;
};

// struct { struct bpf_spin_lock lock; unsigned char data[element_size - 4]; }
Result<ElementTypes> make_types(std::uint32_t element_size)
{
	const std::unique_ptr<btf, decltype(&btf__free)> types(btf__new_empty(), btf__free);
	if (!types) {
		return fail("entry table", "create type information", errno);
	}
	constexpr std::uint32_t lock_size = 4;
	static_assert(offsetof(ps_entry, lock) == 0 && sizeof(ps_entry::lock) == lock_size);
	btf *b = types.get();
	const int word = btf__add_int(b, "unsigned int", 4, 0);
	const int byte = btf__add_int(b, "unsigned char", 1, 0);
	const int lock = btf__add_struct(b, "bpf_spin_lock", lock_size);
	int problem = btf__add_field(b, "val", word, 0, 0);
	const int data = btf__add_array(b, word, byte, element_size - lock_size);
	const int value = btf__add_struct(b, "ps_table_element", element_size);
	problem = problem != 0 ? problem : btf__add_field(b, "lock", lock, 0, 0);
	problem = problem != 0 ? problem : btf__add_field(b, "data", data, lock_size * 8, 0);
	for (const int id : {word, byte, lock, data, value}) {
		problem = problem == 0 && id < 0 ? id : problem;
	}
	if (problem == 0) {
		problem = btf__load_into_kernel(b);
	}
	if (problem != 0) {
		return fail("entry table", "load type information", problem,
			    problem == -EPERM ? "run as root" : "the kernel must be 6.1 or newer");
	}
	// Freeing `types` closes its descriptor: keep one of our own.
	return ElementTypes{UniqueFd(dup(btf__fd(b))), word, value};
}

} // namespace

Result<UniqueFd> create_entry_table(const std::string &name, std::uint32_t element_size,
				    std::uint64_t elements)
{
	const auto types = make_types(element_size);
	if (!types) {
		return tl::unexpected(types.error());
	}
	auto options = libbpf_options<bpf_map_create_opts>();
	options.btf_fd = static_cast<__u32>(types->btf.get());
	options.btf_key_type_id = static_cast<__u32>(types->key);
	options.btf_value_type_id = static_cast<__u32>(types->value);
	UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, name.c_str(), sizeof(__u32), element_size,
				    static_cast<__u32>(elements), &options));
	if (!map) {
		const int problem = errno;
		return fail("map " + name,
			    fmt::format("create {} elements of {} bytes", elements, element_size),
			    problem,
			    problem == ENOMEM  ? "lower cache.memory"
			    : problem == EPERM ? "run as root"
					       : "");
	}
	return map;
}

Result<ps_scan> run_scan(int program)
{
	return run_with_frame(program, "ps_scan", ps_scan{});
}

} // namespace prestack
