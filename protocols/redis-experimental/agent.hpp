// SPDX-License-Identifier: GPL-2.0-only
// Redis' half in user space: questions about a key, and the server's news of keys that have changed
// (client side caching of Redis 6 and later, in RESP3).
#pragma once

#include <memory>

#include "loader/plugin/agent_codec.hpp"

namespace prestack
{

[[nodiscard]] std::unique_ptr<AgentCodec> make_redis_experimental_agent();

} // namespace prestack
