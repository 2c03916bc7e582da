// SPDX-License-Identifier: GPL-2.0-only
#include "base/capabilities.hpp"

#include <array>
#include <cerrno>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <linux/capability.h>

namespace prestack
{
namespace
{

struct Needed {
	unsigned number;
	std::string_view name;
	std::string_view purpose;
};

constexpr std::array needed{
	Needed{CAP_BPF, "CAP_BPF", "to load maps and programs"},
	Needed{CAP_NET_ADMIN, "CAP_NET_ADMIN", "to attach them to interfaces"},
	Needed{CAP_PERFMON, "CAP_PERFMON", "since the programs compare pointers into packets"},
};

bool has(std::uint64_t effective, unsigned capability)
{
	return (effective >> capability & 1) != 0;
}

} // namespace

std::uint64_t effective_capabilities()
{
	std::ifstream status("/proc/self/status");
	for (std::string word; status >> word;) {
		if (word == "CapEff:") {
			std::uint64_t bits = 0;
			status >> std::hex >> bits;
			return bits;
		}
	}
	return ~std::uint64_t{0}; // unknown: the kernel will say
}

Result<void> check_capabilities(std::uint64_t effective)
{
	std::string missing;
	std::string names;
	for (const auto &[number, name, purpose] : needed) {
		names += names.empty() ? std::string(name) : fmt::format(", {}", name);
		if (!has(effective, number)) {
			missing += fmt::format("{}{} ({})", missing.empty() ? "" : ", ", name,
					       purpose);
		}
	}
	if (missing.empty()) {
		return {};
	}
	return fail("process", "lacks " + missing, EPERM,
		    fmt::format("run as root, with at least {}", names));
}

bool can_see_processes(std::uint64_t effective)
{
	return has(effective, CAP_SYS_PTRACE);
}

} // namespace prestack
