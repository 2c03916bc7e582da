// SPDX-License-Identifier: GPL-2.0-only
// Whether a configuration fits the host: what cannot be told from the file alone.
#pragma once

#include <string>

#include "base/result.hpp"
#include "config/config.hpp"

namespace prestack
{

// For `run` and check-config: interfaces that are missing, not Ethernet, or `lo`, and more memory than
// there is.
[[nodiscard]] Errors check_host(const Config &config);

// For check-config only: a server's address that this host does not have. `run` waits for it, since it may
// move here later.
[[nodiscard]] Errors check_server_addresses(const Config &config);
// For check-config only: an interface with an XDP program that is not ours. `run` finds out itself, as
// it may take over.
[[nodiscard]] Errors check_xdp_programs(const Config &config, const std::string &bpffs);

} // namespace prestack
