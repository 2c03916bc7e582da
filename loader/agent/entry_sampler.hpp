// SPDX-License-Identifier: GPL-2.0-only
// Reads cache entries from user space.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <prestack/types.h>

#include "base/result.hpp"
#include "config/geometry.hpp"

namespace prestack
{

// The hash of a key, as core/cache/lookup.bpf.h makes it. Pure.
[[nodiscard]] std::uint64_t key_hash(const ps_config &config, std::uint8_t service,
				     std::string_view key);

// A copy of an entry, made under its lock.
struct EntryCopy {
	std::uint32_t table = 0; // enum ps_class
	std::uint32_t index = 0; // element of that class's table
	ps_entry head{};
	std::string key;
	std::string value;
};

// Whether the kernel would serve the entry at `now` (ns of CLOCK_MONOTONIC) in `epoch`.
[[nodiscard]] bool is_servable(const ps_entry &entry, std::uint32_t epoch, std::uint64_t now);

class EntrySampler
{
public:
	// The descriptors are those of the maps ps_index, ps_small and ps_large; they must stay open.
	[[nodiscard]] static Result<EntrySampler>
	open(int index, int small, int large, const ps_config &config, const Geometry &geometry);

	// Places in the index, one per small element; next() takes any number modulo this.
	[[nodiscard]] std::uint64_t places() const { return places_; }
	// The entry that this place of the index leads to; nothing if there is none, or if its own
	// place is another (then no request finds it here).
	[[nodiscard]] std::optional<EntryCopy> at(std::uint64_t place) const;
	// Whether the place is empty: cheap, to be asked first.
	[[nodiscard]] bool is_empty(std::uint64_t place) const;
	// Once more. Nothing if it is being filled just now, or no entry.
	[[nodiscard]] std::optional<EntryCopy> read(std::uint32_t table, std::uint32_t index) const;

private:
	struct Unmap {
		std::size_t size = 0;
		void operator()(const ps_index_line *lines) const;
	};
	using Lines = std::unique_ptr<const ps_index_line[], Unmap>;
	EntrySampler(Lines lines, int small, int large, const ps_config &config,
		     const Geometry &geometry)
		: lines_(std::move(lines)), small_(small), large_(large), config_(config),
		  small_element_(geometry.small_element), large_element_(geometry.large_element),
		  places_(geometry.small_elements())
	{
	}
	[[nodiscard]] std::uint32_t word(std::uint64_t place) const;

	Lines lines_;
	int small_;
	int large_;
	ps_config config_;
	std::uint32_t small_element_;
	std::uint32_t large_element_;
	std::uint64_t places_;
};

} // namespace prestack
