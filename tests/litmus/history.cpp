// SPDX-License-Identifier: GPL-2.0-only
#include "history.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

namespace prestack::test
{

namespace
{

// The writes of one key.
class Writes
{
public:
	void add(const Operation &write, std::int64_t patience)
	{
		if (write.version == absent_version)
			deletions_.push_back(write);
		else
			by_version_.emplace(write.version, write);
		if (write.end != never && (write.by_restart || write.end - write.start <= patience))
			replacing_.push_back(write);
	}

	void finish()
	{
		std::ranges::sort(replacing_, {}, &Operation::end);
		latest_start_.reserve(replacing_.size());
		for (std::size_t i = 0; i < replacing_.size(); ++i) {
			const bool later = i == 0 || replacing_[i].start >
							     replacing_[latest_start_.back()].start;
			latest_start_.push_back(later ? i : latest_start_.back());
		}
	}

	std::optional<Violation> judge(const Operation &read) const
	{
		using Why = Violation::Why;
		if (read.version == absent_version)
			return judge_absent(read);
		const auto found = by_version_.find(read.version);
		if (found == by_version_.end())
			return Violation{Why::never_written, read};
		const Operation &written = found->second;
		if (read.end < written.start)
			return Violation{Why::from_the_future, read, written};
		const Operation *newer = newest_before(read.start);
		if (newer != nullptr && newer->start > written.end)
			return Violation{Why::stale, read, written, *newer};
		return std::nullopt;
	}

private:
	// Of the writes acknowledged before `time`, the one that began last.
	const Operation *newest_before(std::int64_t time) const
	{
		const auto end = std::ranges::lower_bound(replacing_, time, {}, &Operation::end);
		if (end == replacing_.begin())
			return nullptr;
		const auto last = static_cast<std::size_t>(end - replacing_.begin()) - 1;
		return &replacing_[latest_start_[last]];
	}

	// Any deletion may be the one that was read.
	std::optional<Violation> judge_absent(const Operation &read) const
	{
		const Operation *newer = newest_before(read.start);
		if (newer == nullptr)
			return std::nullopt;
		const bool possible = std::ranges::any_of(deletions_, [&](const Operation &each) {
			return each.start <= read.end && newer->start <= each.end;
		});
		if (possible)
			return std::nullopt;
		return Violation{Violation::Why::stale, read, {}, *newer};
	}

	std::unordered_map<std::uint64_t, Operation> by_version_;
	std::vector<Operation> deletions_;
	std::vector<Operation> replacing_; // by end
	std::vector<std::size_t> latest_start_; // index of the latest start among replacing_[0..i]
};

std::string describe(const Operation &operation)
{
	return "version " + std::to_string(operation.version) + " of key " +
	       std::to_string(operation.key) + " by client " + std::to_string(operation.client) +
	       " [" + std::to_string(operation.start) + ", " +
	       (operation.end == never ? "never" : std::to_string(operation.end)) + "]";
}

} // namespace

std::string describe(const Violation &violation)
{
	const std::string read = "read " + describe(violation.read);
	switch (violation.why) {
	case Violation::Why::never_written:
		return read + ", which was never written";
	case Violation::Why::from_the_future:
		return read + " before it was written: " + describe(violation.written);
	case Violation::Why::stale:
		break;
	}
	return read + ", written as " + describe(violation.written) + ", after write of " +
	       describe(violation.newer) + ": " +
	       std::to_string(violation.read.start - violation.newer.end) +
	       " ns after its acknowledgement, which took " +
	       std::to_string(violation.newer.end - violation.newer.start) + " ns";
}

std::vector<Violation> judge(const std::vector<Operation> &history,
			     std::chrono::nanoseconds patience)
{
	std::map<std::uint32_t, Writes> keys;
	for (const Operation &each : history) {
		if (each.kind == OperationKind::write)
			keys[each.key].add(each, patience.count());
	}
	for (auto &[key, writes] : keys)
		writes.finish();
	std::vector<Violation> violations;
	for (const Operation &each : history) {
		if (each.kind != OperationKind::read)
			continue;
		if (auto violation = keys[each.key].judge(each))
			violations.push_back(*violation);
	}
	return violations;
}

} // namespace prestack::test
