// SPDX-License-Identifier: GPL-2.0-only
// Redis' write commands of every kind that changes a string.
#pragma once

#include "client.hpp"
#include "value.hpp"

namespace prestack::test
{

// Any command that changes this key. What it stores has a new version, but for counters.
Command any_redis_command(Client &client, std::uint32_t key, const CommandOptions &options);
// SET of what its kind holds.
Command redis_set(Client &client, std::uint32_t key);
// SET of `version` in a transaction of a connection that watches the key.
Command redis_watched_set(std::uint32_t key, std::uint64_t version);

// The version of the write that made this value. Here a text may be missing, and only what was added is
// there.
std::uint64_t redis_version_of(KeyKind kind, std::string_view value);

} // namespace prestack::test
