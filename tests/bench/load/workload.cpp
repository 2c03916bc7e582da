// SPDX-License-Identifier: GPL-2.0-only
#include "workload.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace prestack::load
{
namespace
{

constexpr std::size_t pool_size = 1 << 16;
constexpr std::string_view before_key = "VALUE ";
constexpr std::string_view end = "\r\nEND\r\n";

std::uint32_t size_within(const SizeRange &range, std::uint64_t hash)
{
	return range.least + static_cast<std::uint32_t>(hash % (range.most - range.least + 1));
}

std::uint32_t value_size(const SizeRange &range, std::uint32_t key)
{
	return size_within(range, mix(std::uint64_t{key} << 2 | 1));
}

} // namespace

Workload::Workload(const Options &options)
	: count_(options.keys), value_size_(options.value_size),
	  popularity_(options.keys, options.skew),
	  issued_(std::make_unique<std::atomic<std::uint32_t>[]>(options.keys)),
	  stored_(std::make_unique<std::atomic<std::uint32_t>[]>(options.keys))
{
	for (std::uint32_t key = 0; key < count_; ++key) {
		starts_.push_back(static_cast<std::uint32_t>(heads_.size()));
		const auto size = size_within(options.key_size, mix(std::uint64_t{key} << 2));
		const auto flags = mix(std::uint64_t{key} << 2 | 2) & 0xffff;
		key_sizes_.push_back(static_cast<std::uint16_t>(size));
		// Alike at the front, so that a comparison of a part of the key shows.
		heads_ += fmt::format("{}{:k>{}}{:07} {} {}\r\n", before_key, "", size - 7, key,
				      flags, value_size(value_size_, key));
	}
	starts_.push_back(static_cast<std::uint32_t>(heads_.size()));
	Random random(options.seed);
	std::generate_n(std::back_inserter(pool_), pool_size + options.value_size.most,
			[&random] { return static_cast<char>(random.next() >> 56); });
}

std::string_view Workload::head(std::uint32_t key) const
{
	return std::string_view(heads_).substr(starts_[key], starts_[key + 1] - starts_[key]);
}

std::string_view Workload::key(std::uint32_t key) const
{
	return head(key).substr(before_key.size(), key_sizes_[key]);
}

std::string_view Workload::value(std::uint32_t key, std::uint32_t version) const
{
	const auto at = mix(std::uint64_t{key} << 32 | version) % pool_size;
	return std::string_view(pool_).substr(at, value_size(value_size_, key));
}

void Workload::append_set(std::string &out, std::uint32_t key, std::uint32_t version) const
{
	const auto data = value(key, version);
	const auto described = head(key).substr(before_key.size());
	const auto flags = described.substr(key_sizes_[key] + 1u);
	out += fmt::format("set {} {} 0 {}\r\n", this->key(key), flags.substr(0, flags.find(' ')),
			   data.size());
	out += data;
	out += "\r\n";
}

void Workload::append_get(std::string &out, std::uint32_t key, bool absent) const
{
	out += "get ";
	const auto at = out.size();
	out += this->key(key);
	if (absent) {
		out[at] = 'a';
	}
	out += "\r\n";
}

std::size_t Workload::answer_size(std::uint32_t key) const
{
	return head(key).size() + value_size(value_size_, key) + end.size();
}

Answer Workload::judge(std::string_view text, std::uint32_t key, std::uint32_t least) const
{
	if (text == "END\r\n") {
		return Answer::absent;
	}
	const auto front = head(key);
	const auto size = value_size(value_size_, key);
	if (text.size() != front.size() + size + end.size() || !text.starts_with(front) ||
	    !text.ends_with(end)) {
		return Answer::wrong;
	}
	const auto data = text.substr(front.size(), size);
	const auto most = issued_[key].load(std::memory_order_acquire);
	for (auto version = least; version <= most; ++version) {
		if (data == value(key, version)) {
			return Answer::right;
		}
	}
	for (auto version = least; version-- > 0;) {
		if (data == value(key, version)) {
			return Answer::stale;
		}
	}
	return Answer::wrong;
}

} // namespace prestack::load
