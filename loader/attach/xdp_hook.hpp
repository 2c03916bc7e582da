// SPDX-License-Identifier: GPL-2.0-only
// The XDP program on one interface.
#pragma once

#include <string>

#include "base/result.hpp"
#include "config/config.hpp"
#include "kernel/bpf_link.hpp"
#include "kernel/bpffs.hpp"

namespace prestack
{

struct XdpHook {
	BpfLink link;
	XdpMode mode = XdpMode::native; // really used: native or generic
	int native_problem = 0; // errno why native was not possible, if automatic fell back
};

// Fails if some XDP program is on the interface already, and says which; nothing is replaced.
// `bpffs` is searched for the instance that owns it.
[[nodiscard]] Result<XdpHook> attach_xdp(const std::string &interface, int ifindex, int program_fd,
					 XdpMode wanted, const BpffsPtr &bpffs);

// Puts the program in the place of the one that a killed loader left there. The mode stays.
[[nodiscard]] Result<XdpHook> take_over_xdp(const std::string &interface, int ifindex,
					    int program_fd, BpfLink link);

// Fails as attach_xdp would if some XDP program is on the interface already.
[[nodiscard]] Result<void> check_xdp_is_free(const std::string &interface, int ifindex,
					     const BpffsPtr &bpffs);

// The instance, dead or alive, whose programs are on the interface, or an empty string.
[[nodiscard]] std::string instance_on(int ifindex, const BpffsPtr &bpffs);

// Whether any XDP program is on the interface.
[[nodiscard]] bool has_xdp(int ifindex);

} // namespace prestack
