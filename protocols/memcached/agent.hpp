// SPDX-License-Identifier: GPL-2.0-only
// memcached's half in user space: questions about a key as meta gets (memcached 1.6).
#pragma once

#include <memory>

#include "loader/plugin/agent_codec.hpp"

namespace prestack
{

[[nodiscard]] std::unique_ptr<AgentCodec> make_memcached_agent();

} // namespace prestack
