// SPDX-License-Identifier: GPL-2.0-only
// prestack-veth-peer [--tc] INTERFACE: attaches an XDP program that passes everything: a veth takes
// frames that its other end sends by XDP_TX only while it has an XDP program itself. It stays until the
// interface goes, or `ip link set dev INTERFACE xdp off`.
//
// --tc: also empty TC programs, where prestack has its own (TCX, Linux 6.6). Prints "ready", stays until
// it is killed, and so do they: for measuring what the hooks cost without prestack.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include "empty.skel.h"

namespace
{

// enum bpf_attach_type of Linux 6.6; the headers that we build against may be older.
constexpr int attach_tcx_ingress = 46;
constexpr int attach_tcx_egress = 47;

int failed(const char *interface, const char *what, int problem)
{
	std::fprintf(stderr, "prestack-veth-peer: %s: %s: %s\n", interface, what,
		     std::strerror(problem));
	return 1;
}

} // namespace

int main(int argc, char **argv)
{
	const bool tc = argc == 3 && std::strcmp(argv[1], "--tc") == 0;
	if (argc != 2 && !tc) {
		std::fputs("usage: prestack-veth-peer [--tc] INTERFACE\n", stderr);
		return 2;
	}
	const char *interface = argv[argc - 1];
	const auto index = static_cast<int>(if_nametoindex(interface));
	if (index == 0) {
		return failed(interface, "no such interface", errno);
	}
	const std::unique_ptr<empty_bpf, decltype(&empty_bpf__destroy)> object(
		empty_bpf__open_and_load(), empty_bpf__destroy);
	if (!object) {
		return failed(interface, "load the programs", errno);
	}
	const int problem =
		bpf_xdp_attach(index, bpf_program__fd(object->progs.empty_xdp),
			       XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
	if (problem != 0) {
		return failed(interface, "attach to XDP", -problem);
	}
	if (!tc) {
		return 0;
	}
	for (const int type : {attach_tcx_ingress, attach_tcx_egress}) {
		const int link = bpf_link_create(bpf_program__fd(object->progs.empty_tc), index,
						 static_cast<bpf_attach_type>(type), nullptr);
		if (link < 0) {
			return failed(interface, "attach to TC", -link);
		}
	}
	std::puts("ready");
	std::fflush(stdout);
	pause();
	return 0;
}
