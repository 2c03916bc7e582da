// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/user_counters.hpp"

#include <cerrno>
#include <string>

#include <bpf/bpf.h>
#include <sys/mman.h>

#include "kernel/libbpf_options.hpp"
#include "kernel/pin_names.hpp"

namespace prestack
{
namespace
{

std::string object_name()
{
	return std::string("map ") + pin::user_counters;
}

std::size_t mapped_size()
{
	const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
	return (sizeof(ServiceCounters) * PS_MAX_SERVICES + page - 1) / page * page;
}

} // namespace

void UserCounters::Unmap::operator()(ServiceCounters *counters) const
{
	munmap(counters, mapped_size());
}

Result<UserCounters> UserCounters::create()
{
	auto options = libbpf_options<bpf_map_create_opts>();
	options.map_flags = BPF_F_MMAPABLE;
	UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, pin::user_counters, sizeof(__u32),
				    sizeof(ServiceCounters), PS_MAX_SERVICES, &options));
	if (!map) {
		return fail(object_name(), "create", errno, errno == EPERM ? "run as root" : "");
	}
	void *counters =
		mmap(nullptr, mapped_size(), PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
	if (counters == MAP_FAILED) {
		return fail(object_name(), "mmap", errno);
	}
	return UserCounters(std::move(map), static_cast<ServiceCounters *>(counters));
}

Result<ServiceCounters> UserCounters::read(int map, std::uint32_t service)
{
	ServiceCounters counters;
	if (const int problem = bpf_map_lookup_elem(map, &service, &counters); problem != 0) {
		return fail(object_name(), "read", problem);
	}
	return counters;
}

} // namespace prestack
