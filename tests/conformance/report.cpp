// SPDX-License-Identifier: GPL-2.0-only
#include "report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <vector>

#include "dialect.hpp"

namespace prestack::test
{

namespace
{

struct Row {
	std::string name;
	std::map<std::string, std::string, std::less<>> cells;
};

std::vector<Row> &rows()
{
	static std::vector<Row> all;
	return all;
}

std::size_t column(const Dialect &dialect)
{
	return std::max<std::size_t>(dialect.plugin().size(), 4);
}

std::string padded(std::string_view cell, const Dialect &dialect)
{
	std::string out(cell);
	out.resize(std::max(out.size(), column(dialect)), ' ');
	return out;
}

// Lines start with "| ", by which the test command finds them in the log.
class Table : public testing::Environment
{
public:
	void TearDown() override
	{
		// Numbers come last, however the tests were ordered.
		std::stable_partition(rows().begin(), rows().end(),
				      [](const Row &row) { return !row.name.starts_with("ns "); });
		std::size_t width = 0;
		for (const Row &row : rows())
			width = std::max(width, row.name.size());
		std::string head = "| " + std::string(width, ' ');
		std::string rule = "| " + std::string(width, '-');
		for (const Dialect *dialect : dialects()) {
			head += " | " + padded(dialect->plugin(), *dialect);
			rule += " | " + std::string(column(*dialect), '-');
		}
		std::printf("\n%s |\n%s |\n", head.c_str(), rule.c_str());
		for (const Row &row : rows()) {
			std::string line =
				"| " + row.name + std::string(width - row.name.size(), ' ');
			for (const Dialect *dialect : dialects()) {
				const auto cell = row.cells.find(dialect->plugin());
				line += " | " + padded(cell == row.cells.end() ? "-" : cell->second,
						       *dialect);
			}
			std::printf("%s |\n", line.c_str());
		}
		std::printf("\n");
	}
};

const auto *const table = testing::AddGlobalTestEnvironment(new Table);

} // namespace

void report(std::string_view plugin, const std::string &row, const std::string &cell)
{
	auto found = std::find_if(rows().begin(), rows().end(),
				  [&](const Row &each) { return each.name == row; });
	if (found == rows().end())
		found = rows().insert(rows().end(), Row{row, {}});
	found->cells[std::string(plugin)] = cell;
}

std::string spaced(std::string_view camel_case)
{
	std::string out;
	for (const char c : camel_case) {
		if (std::isupper(static_cast<unsigned char>(c)) && !out.empty())
			out += ' ';
		out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
	}
	return out;
}

} // namespace prestack::test
