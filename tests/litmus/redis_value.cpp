// SPDX-License-Identifier: GPL-2.0-only
// What needs no choice: see redis_command.cpp for the rest.
#include "redis_command.hpp"
#include "support/resp.hpp"

namespace prestack::test
{

Command redis_watched_set(std::uint32_t key, std::uint64_t version)
{
	return {.bytes = resp({"MULTI"}) + resp({"SET", key_name(key), value_of(version)}) +
			 resp({"EXEC"}),
		.replies = 3,
		.key = key,
		.effect = Effect::store,
		.version = version,
		.done = "*1\r\n+OK",
		.how = "WATCH"};
}

std::uint64_t redis_version_of(KeyKind kind, std::string_view value)
{
	constexpr std::uint64_t any_version = 0;
	if (kind == KeyKind::appended && value.starts_with('|'))
		return version_of(kind, value_of(any_version).append(value));
	if (kind == KeyKind::prepended && value.ends_with('|'))
		return version_of(kind, std::string(value) + value_of(any_version));
	if (kind == KeyKind::counter && value.starts_with('-')) {
		const std::uint64_t version = version_of(kind, value.substr(1));
		return version == garbage_version ? version : ~version;
	}
	return version_of(kind, value);
}

} // namespace prestack::test
