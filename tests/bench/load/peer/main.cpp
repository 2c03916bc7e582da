// SPDX-License-Identifier: GPL-2.0-only
// prestack-veth-peer INTERFACE: attaches an XDP program that passes everything. It stays until the
// interface goes, or `ip link set dev INTERFACE xdp off`.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "veth_peer_pass.skel.h"

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::fputs("usage: prestack-veth-peer INTERFACE\n", stderr);
		return 2;
	}
	const auto index = static_cast<int>(if_nametoindex(argv[1]));
	const std::unique_ptr<veth_peer_pass_bpf, decltype(&veth_peer_pass_bpf__destroy)> object(
		veth_peer_pass_bpf__open_and_load(), veth_peer_pass_bpf__destroy);
	if (index == 0 || !object) {
		std::fprintf(stderr, "prestack-veth-peer: %s: %s\n",
			     index == 0 ? argv[1] : "load the program", std::strerror(errno));
		return 1;
	}
	const int problem =
		bpf_xdp_attach(index, bpf_program__fd(object->progs.veth_peer_pass),
			       XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
	if (problem != 0) {
		std::fprintf(stderr, "prestack-veth-peer: %s: attach: %s\n", argv[1],
			     std::strerror(-problem));
		return 1;
	}
	return 0;
}
