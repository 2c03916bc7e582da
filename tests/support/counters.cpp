// SPDX-License-Identifier: GPL-2.0-only
#include "counters.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include "loader/kernel/instance_dir.hpp"
#include "loader/kernel/pin_names.hpp"
#include "system_error.hpp"

namespace prestack::test
{

namespace
{

UniqueFd open_stats(const std::string &instance)
{
	const auto bpffs = find_bpffs("");
	if (!bpffs)
		throw std::runtime_error("there is no bpffs");
	const auto view = view_instance(*bpffs, instance);
	if (!view)
		throw std::runtime_error("no instance " + instance);
	const auto map = view->open(pin::stats);
	if (!map)
		throw std::runtime_error("no ps_stats of instance " + instance);
	return UniqueFd(check(::fcntl(map->get(), F_DUPFD_CLOEXEC, 0), "dup"));
}

} // namespace

Counters::Counters(const std::string &instance)
	: map_(open_stats(instance)),
	  cpus_(static_cast<std::size_t>(check(::libbpf_num_possible_cpus(), "count the CPUs")))
{
}

std::uint64_t Counters::get(ps_counter counter, std::uint32_t service) const
{
	check(::bpf_map_lookup_elem(map_.get(), &service, cpus_.data()), "read ps_stats");
	std::uint64_t sum = 0;
	for (const ps_stats &each : cpus_)
		sum += each.count[counter];
	return sum;
}

} // namespace prestack::test
