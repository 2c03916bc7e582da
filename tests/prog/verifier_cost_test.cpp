// SPDX-License-Identifier: GPL-2.0-only
// How hard each program is for the kernel's verifier. It gives up at a million instructions, and a
// small change of the source can double the number; so growth is noticed here, not by a user whose
// kernel is a little less patient.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>

#include "loader/base/fd.hpp"
#include "loader/plugin/registry.hpp"
#include "support/datapath.hpp"
#include "verifier_baselines.hpp"

namespace prestack::test
{

namespace
{

constexpr const char *kUpdate = "running the test VerifierCost with PRESTACK_UPDATE_BASELINE=1";
constexpr std::array kWays{1u, 4u, 16u};
constexpr std::uint64_t kMost = 110; // percent of the baseline
constexpr std::uint64_t kVerifierLimit = 1000000;

// "<program> <ways>" -> instructions processed.
using Costs = std::map<std::string, std::uint64_t>;
// The same by object: a plug-in's name, or "core".
using CostsByObject = std::map<std::string, Costs, std::less<>>;

// "6.18", of the running kernel.
std::string kernel_series()
{
	utsname names{};
	uname(&names);
	const std::string release = names.release;
	return release.substr(0, release.find_first_not_of("0123456789", release.find('.') + 1));
}

std::uint64_t processed(int program)
{
	bpf_prog_info info{};
	__u32 size = sizeof(info);
	if (bpf_obj_get_info_by_fd(program, &info, &size) != 0)
		throw std::system_error(errno, std::generic_category(), "bpf_prog_info");
	return info.verified_insns;
}

// Of the program in slot `index` of a program array; 0 if the slot is empty.
std::uint64_t processed_in(int array, std::uint32_t index)
{
	std::uint32_t id = 0;
	if (bpf_map_lookup_elem(array, &index, &id) != 0)
		return 0;
	const UniqueFd program(bpf_prog_get_fd_by_id(id));
	return processed(program.get());
}

void measure(std::string_view plugin, unsigned ways, CostsByObject &costs)
{
	const Datapath datapath({.plugin = std::string(plugin), .ways = ways});
	const auto note = [&](std::string_view object, std::string_view program,
			      std::uint64_t cost) {
		if (cost != 0)
			costs[std::string(object)]
			     [std::string(program) + " " + std::to_string(ways)] = cost;
	};
	const CorePrograms &core = datapath.programs();
	note("core", "ps_xdp", processed(core.xdp));
	note("core", "ps_tc_egress", processed(core.tc_egress));
	note("core", "ps_tc_ingress", processed(core.tc_ingress));
	note("core", "ps_scan", processed(core.scan));
	note("core", "ps_set_expiry", processed(core.set_expiry));
	note("core", "ps_invalidations", processed(core.invalidations));
	note("core", "ps_count_flows", processed(core.count_flows));
	const int xdp = datapath.map("ps_xdp_progs");
	const int tc = datapath.map("ps_tc_progs");
	note(plugin, "ps_datagram_request", processed_in(xdp, PS_SLOT_DATAGRAM));
	note(plugin, "ps_stream_request", processed_in(xdp, PS_SLOT_STREAM));
	note(plugin, "ps_datagram_reply", processed_in(tc, PS_SLOT_DATAGRAM));
	note(plugin, "ps_stream_reply", processed_in(tc, PS_SLOT_STREAM));
}

CostsByObject measure()
{
	CostsByObject costs;
	for (const PluginInfo &plugin : plugins()) {
		for (const unsigned ways : kWays) {
			try {
				measure(plugin.name, ways, costs);
			} catch (const std::exception &problem) { // the others are worth a try
				ADD_FAILURE() << plugin.name << " with " << ways
					      << " ways: " << problem.what();
			}
		}
	}
	return costs;
}

struct Baseline {
	std::string kernel;
	Costs costs;
};

// One "kernel <series>" line, and "<program> <ways> <instructions>" lines; # comments.
Baseline read_baseline(const char *path)
{
	Baseline baseline;
	std::ifstream file(path);
	for (std::string line; std::getline(file, line);) {
		std::istringstream words(line);
		std::string program, ways;
		std::uint64_t cost = 0;
		if (line.starts_with('#'))
			continue;
		if (line.starts_with("kernel "))
			baseline.kernel = line.substr(7);
		else if (words >> program >> ways >> cost)
			baseline.costs[program + " " + ways] = cost;
	}
	return baseline;
}

void write_baseline(const char *path, const Costs &costs)
{
	std::ofstream file(path);
	file << "# Instructions that the verifier goes through: program, ways, instructions.\n"
	     << "# Written by " << kUpdate << "\n"
	     << "kernel " << kernel_series() << "\n";
	for (const auto &[what, cost] : costs)
		file << what << " " << cost << "\n";
}

void compare(const VerifierBaseline &with, const Costs &costs)
{
	const Baseline baseline = read_baseline(with.file);
	// Another kernel's verifier prunes differently: only its limit counts there.
	const bool same_kernel = baseline.kernel == kernel_series();
	if (!same_kernel && !baseline.kernel.empty())
		std::cout << "NOTE: this kernel is " << kernel_series() << ", that of " << with.file
			  << " is " << baseline.kernel << ": not compared\n";
	for (const auto &[what, cost] : costs) {
		const auto known = baseline.costs.find(what);
		if (known == baseline.costs.end()) {
			ADD_FAILURE() << with.object << " " << what << " (" << cost
				      << ") is not in " << with.file << "; add it by " << kUpdate;
			continue;
		}
		if (!same_kernel)
			continue;
		EXPECT_LE(cost * 100, known->second * kMost)
			<< with.object << " " << what << ": " << cost
			<< " instructions, the baseline says " << known->second
			<< ". If that is worth it, update the baseline by " << kUpdate;
	}
}

TEST(VerifierCost, IsNotMuchMoreThanTheBaseline)
{
	const CostsByObject all = measure();
	for (const auto &[object, costs] : all) {
		for (const auto &[what, cost] : costs) {
			if (std::getenv("PRESTACK_PRINT_COSTS") != nullptr) // for tests/kernels
				std::cout << "VERIFIED " << object << " " << what << " " << cost
					  << "\n";
			EXPECT_LT(cost, kVerifierLimit / 2)
				<< object << " " << what << " is too near to the verifier's limit";
		}
	}
	for (const VerifierBaseline &baseline : verifier_baselines()) {
		const auto found = all.find(baseline.object);
		if (found == all.end()) {
			ADD_FAILURE() << baseline.object << " has no programs";
			continue;
		}
		if (std::getenv("PRESTACK_UPDATE_BASELINE") != nullptr)
			write_baseline(baseline.file, found->second);
		compare(baseline, found->second);
	}
}

} // namespace

} // namespace prestack::test
