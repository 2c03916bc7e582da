// SPDX-License-Identifier: GPL-2.0-only
#include "dialect.hpp"

#include <algorithm>
#include <utility>

namespace prestack::test
{

namespace
{

// A function's static: registration happens while other files' constants are initialised.
std::vector<std::unique_ptr<Dialect>> &registered()
{
	static std::vector<std::unique_ptr<Dialect>> all;
	return all;
}

} // namespace

bool register_dialect(std::unique_ptr<Dialect> dialect)
{
	registered().push_back(std::move(dialect));
	return true;
}

std::vector<const Dialect *> dialects()
{
	std::vector<const Dialect *> all;
	for (const auto &each : registered())
		all.push_back(each.get());
	std::sort(all.begin(), all.end(),
		  [](const Dialect *a, const Dialect *b) { return a->plugin() < b->plugin(); });
	return all;
}

} // namespace prestack::test
