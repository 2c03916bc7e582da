// SPDX-License-Identifier: GPL-2.0-only
// The XDP program on one interface.
#pragma once

#include <string>

#include "config.hpp"
#include "engine/bpffs.hpp"
#include "engine/fd.hpp"
#include "result.hpp"

namespace prestack
{

struct XdpHook {
	UniqueFd link; // detaches when closed
	XdpMode mode = XdpMode::native; // really used: native or generic
	int native_problem = 0; // errno why native was not possible, if automatic fell back
};

// Fails if some XDP program is on the interface already, and says which; nothing is replaced.
// `bpffs` is searched for the instance that owns it.
[[nodiscard]] Result<XdpHook> attach_xdp(const std::string &interface, int ifindex, int program_fd,
					 XdpMode wanted, const BpffsPtr &bpffs);

// Fails as attach_xdp would if some XDP program is on the interface already.
[[nodiscard]] Result<void> check_xdp_is_free(const std::string &interface, int ifindex,
					     const BpffsPtr &bpffs);

// Whether any XDP program is on the interface.
[[nodiscard]] bool has_xdp(int ifindex);

} // namespace prestack
