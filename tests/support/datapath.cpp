// SPDX-License-Identifier: GPL-2.0-only
#include "datapath.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "everywhere.hpp"
#include "expiry_questions.hpp"
#include "loader/base/address.hpp"
#include "loader/config/geometry.hpp"
#include "loader/kernel/entry_tables.hpp"
#include "loader/kernel/kernel_config.hpp"
#include "loader/kernel/libbpf_options.hpp"
#include "loader/plugin/registry.hpp"
#include "loader/report/counters.hpp"

namespace prestack::test
{

namespace
{

constexpr std::size_t longest_frame = 4096;

template <typename T>
T value_or_throw(Result<T> result)
{
	if (!result)
		throw std::runtime_error(to_string(result.error()));
	return std::move(*result);
}

void check(const Result<void> &result)
{
	if (!result)
		throw std::runtime_error(to_string(result.error()));
}

Geometry geometry_of(const DatapathOptions &options)
{
	CacheConfig cache;
	cache.associativity = options.ways;
	cache.max_key = options.max_key;
	cache.max_value = options.max_value;
	// Sizes of elements are the loader's; only their numbers are ours.
	Geometry geometry = plan_geometry(cache).value();
	geometry.small_sets = options.sets;
	geometry.large_sets = options.large_sets;
	geometry.fences = options.fences;
	geometry.pending = options.pending_requests;
	geometry.flows = options.flows;
	return geometry;
}

ps_config config_of(const DatapathOptions &options)
{
	CacheConfig cache;
	cache.settle = options.settle;
	cache.max_key = options.max_key;
	cache.max_value = options.max_value;
	const auto geometry = geometry_of(options);
	return make_kernel_config({
		.cache = cache,
		.geometry = geometry,
		// Constant, so that a failure can be repeated.
		.seed = {0x0123456789abcdefULL, 0xfedcba9876543210ULL},
		.plugin_slots = {0},
		.trust_sender = options.trust_sender,
	});
}

std::vector<const PluginInfo *> plugin_named(const std::string &name)
{
	const auto all = plugins();
	const auto found = std::find_if(all.begin(), all.end(),
					[&](const PluginInfo &info) { return info.name == name; });
	if (found == all.end())
		throw std::runtime_error("no plug-in " + name + " in this build");
	return {&*found};
}

} // namespace

Datapath::Datapath(const DatapathOptions &options)
	: config_(config_of(options)),
	  objects_(value_or_throw(
		  Objects::load(config_, geometry_of(options), plugin_named(options.plugin)))),
	  maps_(value_or_throw(
		  ServiceMaps::open(objects_.maps().service_conf, objects_.maps().service_state))),
	  addresses_(value_or_throw(AddressMaps::open(objects_.maps())))
{
	if (options.everywhere)
		check(listen_everywhere(addresses_, service_port));
	allow({"0.0.0.0/0", "::/0"});
	maps_.bump_epoch(0);
	keep_alive(std::chrono::hours(24 * 365));
}

Outcome Datapath::run(int program, std::string_view frame, std::uint32_t repeat, std::uint32_t mark,
		      std::uint32_t came_by)
{
	__sk_buff context{};
	context.mark = mark;
	context.ingress_ifindex = came_by;
	Outcome outcome;
	outcome.frame.resize(longest_frame);
	auto options = libbpf_options<bpf_test_run_opts>();
	options.data_in = frame.data();
	options.data_size_in = static_cast<__u32>(frame.size());
	options.data_out = outcome.frame.data();
	options.data_size_out = static_cast<__u32>(outcome.frame.size());
	options.repeat = static_cast<int>(repeat);
	if (mark != 0 || came_by != 0) { // XDP programs take another context, and need none
		options.ctx_in = &context;
		options.ctx_size_in = sizeof context;
	}
	if (const int problem = bpf_prog_test_run_opts(program, &options); problem != 0)
		throw std::system_error(-problem, std::generic_category(), "BPF_PROG_TEST_RUN");
	outcome.verdict = static_cast<int>(options.retval);
	outcome.frame.resize(options.data_size_out);
	outcome.nanoseconds = options.duration;
	return outcome;
}

Outcome Datapath::ingress(std::string_view frame, std::uint32_t repeat) const
{
	return run(programs().xdp, frame, repeat);
}

Outcome Datapath::egress(std::string_view frame, std::uint32_t socket) const
{
	return run(programs().tc_egress, frame, 1, socket);
}

Outcome Datapath::forwarded(std::string_view frame) const
{
	return run(programs().tc_egress, frame, 1, 0, test_ifindex);
}

Outcome Datapath::tc_ingress(std::string_view frame) const
{
	return run(programs().tc_ingress, frame);
}

unsigned Datapath::answer_expiry_questions() const
{
	return value_or_throw(test::answer_expiry_questions(objects_));
}

Counts Datapath::counts() const
{
	std::vector<ps_stats> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
	const std::uint32_t service = 0;
	if (bpf_map_lookup_elem(objects_.maps().stats, &service, per_cpu.data()) != 0)
		throw std::system_error(errno, std::generic_category(), "read ps_stats");
	Counts sum{};
	for (const ps_stats &each : per_cpu) {
		for (std::size_t i = 0; i < sum.size(); ++i)
			sum[i] += each.count[i];
	}
	return sum;
}

ps_scan Datapath::scan() const
{
	return value_or_throw(run_scan(programs().scan));
}

ps_service_conf Datapath::conf() const
{
	return value_or_throw(maps_.conf(0));
}

void Datapath::set_conf(const ps_service_conf &conf)
{
	if (auto published = maps_.publish(0, conf); !published)
		throw std::runtime_error(to_string(published.error()));
}

void Datapath::allow(const std::vector<std::string> &prefixes)
{
	ServiceConfig service;
	service.udp = true;
	service.tcp = true;
	for (const std::string &prefix : prefixes)
		service.allow.push_back(parse_prefix(prefix).value());
	set_conf(describe_service(service));
}

int Datapath::map(std::string_view name) const
{
	for (const auto &[shared, fd] : objects_.shared_maps()) {
		if (shared == name)
			return fd;
	}
	throw std::runtime_error("the core has no map " + std::string(name));
}

std::string moved(const Counts &before, const Counts &after)
{
	std::string text;
	for (std::size_t i = 0; i < after.size(); ++i) {
		if (after[i] == before[i])
			continue;
		text += text.empty() ? "" : " ";
		text += std::string(counters[i].name) + "+" + std::to_string(after[i] - before[i]);
	}
	return text;
}

} // namespace prestack::test
