// SPDX-License-Identifier: GPL-2.0-only
#include "workload.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace prestack::load
{
namespace
{

constexpr std::size_t pool_size = 1 << 16;

std::uint32_t size_within(const SizeRange &range, std::uint64_t hash)
{
	return range.least + static_cast<std::uint32_t>(hash % (range.most - range.least + 1));
}

std::uint32_t value_size(const SizeRange &range, std::uint32_t key)
{
	return size_within(range, mix(std::uint64_t{key} << 2 | 1));
}

std::uint32_t flags_of(std::uint32_t key)
{
	return static_cast<std::uint32_t>(mix(std::uint64_t{key} << 2 | 2) & 0xffff);
}

} // namespace

void Workload::Strings::add(std::string_view text)
{
	all += text;
	ends.push_back(static_cast<std::uint32_t>(all.size()));
}

std::string_view Workload::Strings::at(std::uint32_t i) const
{
	const auto begin = i == 0 ? 0 : ends[i - 1];
	return std::string_view(all).substr(begin, ends[i] - begin);
}

Workload::Workload(const Options &options)
	: count_(options.keys), value_size_(options.value_size),
	  popularity_(options.keys, options.skew), wording_(wording_of(options.protocol)),
	  issued_(std::make_unique<std::atomic<std::uint32_t>[]>(options.keys)),
	  stored_(std::make_unique<std::atomic<std::uint32_t>[]>(options.keys))
{
	for (std::uint32_t key = 0; key < count_; ++key) {
		const auto size = size_within(options.key_size, mix(std::uint64_t{key} << 2));
		// Alike at the front, so that a comparison of a part of the key shows.
		keys_.add(fmt::format("{:k>{}}{:07}", "", size - 7, key));
		heads_.add(
			wording_.head(keys_.at(key), flags_of(key), value_size(value_size_, key)));
	}
	Random random(options.seed);
	std::generate_n(std::back_inserter(pool_), pool_size + options.value_size.most,
			[&random] { return static_cast<char>(random.next() >> 56); });
}

std::string_view Workload::value(std::uint32_t key, std::uint32_t version) const
{
	const auto at = mix(std::uint64_t{key} << 32 | version) % pool_size;
	return std::string_view(pool_).substr(at, value_size(value_size_, key));
}

void Workload::append_set(std::string &out, std::uint32_t key, std::uint32_t version) const
{
	wording_.set(out, keys_.at(key), flags_of(key), value(key, version));
}

void Workload::append_get(std::string &out, std::uint32_t key, bool absent) const
{
	if (!absent) {
		wording_.get(out, keys_.at(key));
		return;
	}
	std::string other(keys_.at(key));
	other.front() = 'a';
	wording_.get(out, other);
}

std::size_t Workload::answer_size(std::uint32_t key) const
{
	return heads_.at(key).size() + value_size(value_size_, key) + wording_.end().size();
}

Answer Workload::check_reply(std::string_view text, std::uint32_t key, std::uint32_t least) const
{
	const auto end = wording_.end();
	if (text == wording_.none()) {
		return Answer::absent;
	}
	const auto front = heads_.at(key);
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
