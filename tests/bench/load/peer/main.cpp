// SPDX-License-Identifier: GPL-2.0-only
// prestack-veth-peer [--tc | --least] INTERFACE: attaches an XDP program that passes everything: a veth takes
// frames that its other end sends by XDP_TX only while it has an XDP program itself. It stays until the
// interface goes, or `ip link set dev INTERFACE xdp off`.
//
// --tc: also empty TC programs, where prestack has its own (TCX, Linux 6.6). Prints "ready", stays until
// it is killed, and so do they: for measuring what the hooks cost without prestack.
//
// --least: the same with the programs of follower.bpf.c, which follow memcached's connections.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include "empty.skel.h"
#include "follower.skel.h"

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
	const bool least = argc == 3 && std::strcmp(argv[1], "--least") == 0;
	if (argc != 2 && !tc && !least) {
		std::fputs("usage: prestack-veth-peer [--tc | --least] INTERFACE\n", stderr);
		return 2;
	}
	const char *interface = argv[argc - 1];
	const auto index = static_cast<int>(if_nametoindex(interface));
	if (index == 0) {
		return failed(interface, "no such interface", errno);
	}
	const std::unique_ptr<empty_bpf, decltype(&empty_bpf__destroy)> object(
		empty_bpf__open_and_load(), empty_bpf__destroy);
	const std::unique_ptr<follower_bpf, decltype(&follower_bpf__destroy)> follower(
		least ? follower_bpf__open_and_load() : nullptr, follower_bpf__destroy);
	if (!object || (least && !follower)) {
		return failed(interface, "load the programs", errno);
	}
	const auto *xdp = least ? follower->progs.follow_request : object->progs.empty_xdp;
	const int problem =
		bpf_xdp_attach(index, bpf_program__fd(xdp),
			       XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
	if (problem != 0) {
		return failed(interface, "attach to XDP", -problem);
	}
	if (argc == 2) {
		return 0;
	}
	const auto *egress = least ? follower->progs.follow_reply : object->progs.empty_tc;
	const std::pair<const bpf_program *, int> programs[] = {
		{object->progs.empty_tc, attach_tcx_ingress},
		{egress, attach_tcx_egress},
	};
	for (const auto &[program, type] : programs) {
		const int link = bpf_link_create(bpf_program__fd(program), index,
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
