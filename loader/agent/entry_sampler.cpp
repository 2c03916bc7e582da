// SPDX-License-Identifier: GPL-2.0-only
#include "agent/entry_sampler.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace prestack
{
namespace
{

constexpr std::uint32_t class_mask = 3;
constexpr int tag_shift = 34;

// As ps_mix and ps_mix_end of the kernel half.
std::uint64_t mix(std::uint64_t hash, std::uint64_t word, std::uint64_t seed)
{
	hash ^= word;
	hash ^= hash >> 32;
	return hash * 0x9e3779b97f4a7c15ULL + seed;
}

std::uint64_t mix_end(std::uint64_t hash)
{
	hash ^= hash >> 29;
	hash *= 0xd6e8feb86659fd93ULL;
	return hash ^ (hash >> 32);
}

std::size_t mapped_size(std::uint32_t lines)
{
	const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
	return (sizeof(ps_index_line) * lines + page - 1) / page * page;
}

} // namespace

std::uint64_t key_hash(const ps_config &config, std::uint8_t service, std::string_view key)
{
	std::uint64_t hash = config.seed[0] ^ service;
	for (std::size_t at = 0; at < key.size(); at += sizeof(std::uint64_t)) {
		std::uint64_t word = 0;
		std::memcpy(&word, key.data() + at, std::min(sizeof word, key.size() - at));
		hash = mix(hash, word, config.seed[1]);
	}
	return mix_end(hash ^ key.size());
}

bool is_servable(const ps_entry &entry, std::uint32_t epoch, std::uint64_t now)
{
	return (entry.seq & 1) == 0 && epoch != 0 && entry.epoch == epoch &&
	       (entry.expires == PS_EXPIRES_NEVER || entry.expires > now);
}

void EntrySampler::Unmap::operator()(const ps_index_line *lines) const
{
	munmap(const_cast<ps_index_line *>(lines), size);
}

Result<EntrySampler> EntrySampler::open(int index, int small, int large, const ps_config &config,
					const Geometry &geometry)
{
	const auto size = mapped_size(geometry.index_lines());
	void *lines = mmap(nullptr, size, PROT_READ, MAP_SHARED, index, 0);
	if (lines == MAP_FAILED) {
		return fail("map ps_index", "mmap", errno);
	}
	return EntrySampler(Lines(static_cast<const ps_index_line *>(lines), Unmap{size}), small,
			    large, config, geometry);
}

std::uint32_t EntrySampler::word(std::uint64_t place) const
{
	place %= places_;
	const auto &line = lines_[place / PS_INDEX_WORDS];
	return std::atomic_ref(const_cast<std::uint32_t &>(line.word[place % PS_INDEX_WORDS]))
		.load(std::memory_order_relaxed);
}

bool EntrySampler::is_empty(std::uint64_t place) const
{
	return (word(place) & class_mask) == PS_CLASS_NONE;
}

std::optional<EntryCopy> EntrySampler::at(std::uint64_t place) const
{
	place %= places_;
	const auto found = word(place);
	const auto table = found & class_mask;
	if (table != PS_CLASS_SMALL && table != PS_CLASS_LARGE) {
		return std::nullopt;
	}
	const auto set = place / config_.ways;
	const auto way = place % config_.ways;
	const auto index =
		table == PS_CLASS_SMALL ? place : (set & config_.large_mask) * config_.ways + way;
	auto entry = read(table, static_cast<std::uint32_t>(index));
	if (!entry) {
		return std::nullopt;
	}
	// Sets share large elements, and what was driven out of the index stays in its element.
	const auto hash = key_hash(config_, entry->head.service, entry->key);
	if ((hash & config_.set_mask) != set ||
	    static_cast<std::uint32_t>(hash >> tag_shift) << 2 != (found & ~class_mask)) {
		return std::nullopt;
	}
	return entry;
}

std::optional<EntryCopy> EntrySampler::read(std::uint32_t table, std::uint32_t index) const
{
	const bool small = table == PS_CLASS_SMALL;
	std::vector<char> bytes((small ? small_element_ : large_element_) + 8);
	if (bpf_map_lookup_elem_flags(small ? small_ : large_, &index, bytes.data(), BPF_F_LOCK) !=
	    0) {
		return std::nullopt;
	}
	EntryCopy copy;
	copy.table = table;
	copy.index = index;
	std::memcpy(&copy.head, bytes.data(), sizeof copy.head);
	const std::size_t padded = (copy.head.key_len + 7U) & ~7U;
	if ((copy.head.seq & 1) != 0 || copy.head.key_len == 0 ||
	    sizeof copy.head + padded + copy.head.value_len > bytes.size()) {
		return std::nullopt;
	}
	copy.key.assign(bytes.data() + sizeof copy.head, copy.head.key_len);
	copy.value.assign(bytes.data() + sizeof copy.head + padded, copy.head.value_len);
	return copy;
}

} // namespace prestack
