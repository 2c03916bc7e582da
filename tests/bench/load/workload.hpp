// SPDX-License-Identifier: GPL-2.0-only
// Keys, the values that they must have, and the check of a reply.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "random.hpp"
#include "wording.hpp"

namespace prestack::load
{

enum class Answer { right, absent, stale, wrong };

// Every key has a version, counted up by each set; key and version together say what the value is,
// so that nothing but two counters per key needs to be kept. Values are arbitrary bytes.
//
// Thread-safe, if each key is set by one thread only.
class Workload
{
public:
	explicit Workload(const Options &options);

	[[nodiscard]] std::uint32_t keys() const { return count_; }
	[[nodiscard]] const Zipf &popularity() const { return popularity_; }
	[[nodiscard]] std::string_view key(std::uint32_t key) const { return keys_.at(key); }
	[[nodiscard]] const Wording &wording() const { return wording_; }

	// A set of a version, appended to `out`.
	void append_set(std::string &out, std::uint32_t key, std::uint32_t version) const;

	// A get, appended to `out`. `absent`: of a key like that, which is never stored.
	void append_get(std::string &out, std::uint32_t key, bool absent) const;

	// Bytes of the answer to a get that holds the value.
	[[nodiscard]] std::size_t answer_size(std::uint32_t key) const;

	// A set is about to be sent: its version.
	std::uint32_t begin_set(std::uint32_t key)
	{
		return issued_[key].fetch_add(1, std::memory_order_release) + 1;
	}
	// Its reply has arrived: from now on, no get may be answered with less.
	void end_set(std::uint32_t key, std::uint32_t version)
	{
		stored_[key].store(version, std::memory_order_release);
	}
	[[nodiscard]] std::uint32_t stored(std::uint32_t key) const
	{
		return stored_[key].load(std::memory_order_acquire);
	}

	// Judges the text that answers a get; `least` is what stored(key) was when it was sent.
	[[nodiscard]] Answer check_reply(std::string_view text, std::uint32_t key,
					 std::uint32_t least) const;

private:
	// Many strings in one piece.
	struct Strings {
		std::string all;
		std::vector<std::uint32_t> ends;

		void add(std::string_view text);
		[[nodiscard]] std::string_view at(std::uint32_t i) const;
	};
	[[nodiscard]] std::string_view value(std::uint32_t key, std::uint32_t version) const;

	std::uint32_t count_;
	SizeRange value_size_;
	Zipf popularity_;
	const Wording &wording_;
	Strings keys_;
	Strings heads_; // what an answer begins with
	std::string pool_; // random bytes, that values are taken from
	std::unique_ptr<std::atomic<std::uint32_t>[]> issued_;
	std::unique_ptr<std::atomic<std::uint32_t>[]> stored_;
};

} // namespace prestack::load
