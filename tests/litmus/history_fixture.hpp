// SPDX-License-Identifier: GPL-2.0-only
// Histories made by hand, and why the checker rejects reads of them.
#pragma once

#include <vector>

#include "history.hpp"

namespace prestack::test
{

using Why = Violation::Why;

inline Operation write(std::uint64_t version, std::int64_t start, std::int64_t end,
		       std::uint32_t key = 0)
{
	return {.kind = OperationKind::write,
		.key = key,
		.version = version,
		.start = start,
		.end = end};
}

inline Operation read(std::uint64_t version, std::int64_t start, std::int64_t end,
		      std::uint32_t key = 0)
{
	return {.client = 1, .key = key, .version = version, .start = start, .end = end};
}

inline std::vector<Why> reasons(const std::vector<Operation> &history,
				const HistoryOptions &options = {})
{
	std::vector<Why> result;
	for (const Violation &each : find_violations(history, options))
		result.push_back(each.why);
	return result;
}

inline const std::vector<Why> good;
inline const std::vector<Why> stale{Why::stale};
inline const std::vector<Why> backwards{Why::backwards};

inline HistoryOptions seen_within(std::int64_t time)
{
	return {.seen_within = std::chrono::nanoseconds{time}};
}

} // namespace prestack::test
