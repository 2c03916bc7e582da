// SPDX-License-Identifier: GPL-2.0-only
// What an instance takes of the host's memory. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "config/config.hpp"
#include "config/geometry.hpp"

namespace prestack
{

// In bytes. What the kernel adds to each element is estimated.
struct MemoryUse {
	std::uint64_t entries = 0; // with their index
	std::uint64_t fences = 0;
	std::uint64_t flows = 0; // if there are as many as `cache.flows` allows: taken as they come
	std::uint64_t handshakes = 0;
	std::uint64_t other = 0; // requests under way, counters, scratch memory

	[[nodiscard]] std::uint64_t total() const
	{
		return entries + fences + flows + handshakes + other;
	}
};

[[nodiscard]] MemoryUse memory_use(const Geometry &geometry, unsigned cpus);

// "85.2 MiB": rounded, for reading only.
[[nodiscard]] std::string readable_size(std::uint64_t bytes);
[[nodiscard]] std::string to_string(const MemoryUse &use);

// An error with the place of the key that asks for most, if it is more than the host has. Else none.
[[nodiscard]] Errors check_memory(const Config &config, const MemoryUse &use,
				  std::uint64_t host_memory);

} // namespace prestack
