// SPDX-License-Identifier: GPL-2.0-only
// Facts about the network namespace and the host that commands and run share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace prestack
{

// Identifies our network namespace (its inode number); 0 if unknown.
[[nodiscard]] std::uint64_t netns_id();

// Makes the network namespace with that id ours, for the rest of the process's life. False: it is gone,
// or hidden from us. One thread.
[[nodiscard]] bool enter_netns(std::uint64_t id);

// 0 if there is no such interface here.
[[nodiscard]] int interface_index(const std::string &name);
// Whether frames start with an Ethernet header.
[[nodiscard]] bool is_ethernet(const std::string &name);
[[nodiscard]] bool is_loopback(const std::string &name);
// Of an interface, in bytes.
[[nodiscard]] Result<std::uint32_t> interface_mtu(const std::string &name);

// Bytes of memory; 0 if unknown.
[[nodiscard]] std::uint64_t host_memory();
[[nodiscard]] unsigned possible_cpus();

// "6.1.0-18-amd64".
[[nodiscard]] std::string kernel_release();
// Fails, naming what is missing, if this kernel cannot run prestack at all.
[[nodiscard]] Result<void> check_kernel(const std::string &release);

} // namespace prestack
