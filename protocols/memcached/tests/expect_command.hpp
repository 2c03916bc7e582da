// SPDX-License-Identifier: GPL-2.0-only
// One row of the tables of commands, and its check.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "parsing.hpp"

namespace prestack::memcached
{

using namespace std::string_literals;

inline constexpr const char *kKindNames[] = {"UNKNOWN", "INCOMPLETE", "READ", "READ_MANY",
					     "WRITE",	"WRITE_MANY", "FLUSH"};
inline constexpr const char *kReplyNames[] = {"ONE", "NONE", "MAYBE", "LOST"};

struct Row {
	std::string line; // with its line end
	mc_kind kind;
	std::string key{}; // MC_WRITE only
	std::size_t data = 0; // bytes of the data block, line end included
};

// Checks kind, key, line_end and next of each line: alone, behind other commands, with others behind
// it, and up to the very end of the buffer.
inline void expect_rows(const std::vector<Row> &rows)
{
	for (const Row &row : rows) {
		const std::string behind = "version\r\nset k 0 0 1\r\n";
		const std::size_t room = PS_IN_SIZE - row.line.size();
		for (const std::size_t before :
		     {std::size_t{0}, std::size_t{8}, std::size_t{13}, room}) {
			std::string text = std::string(before, '.') + row.line + behind;
			text.resize(std::min<std::size_t>(text.size(), PS_IN_SIZE));
			SCOPED_TRACE(testing::PrintToString(row.line) + " at " +
				     std::to_string(before));
			const Input input(text);
			const auto pos = static_cast<std::uint32_t>(before);
			const mc_command command = parse_command(input, pos);
			ASSERT_STREQ(kKindNames[row.kind], kKindNames[command.kind]);
			if (row.kind == MC_UNKNOWN || row.kind == MC_INCOMPLETE)
				continue;
			EXPECT_EQ(before + row.line.size(), command.line_end);
			EXPECT_EQ(before + row.line.size() + row.data, command.next);
			if (row.kind == MC_WRITE) {
				EXPECT_EQ(row.key, input.text(command.key, command.key_len));
			}
		}
	}
}

} // namespace prestack::memcached
