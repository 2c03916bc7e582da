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

std::string blanks_and_controls()
{
	std::string all(1, '\x7f');
	for (char byte = 0; byte <= ' '; ++byte)
		all += byte;
	return all;
}

} // namespace

const std::string Dialect::unprintable = blanks_and_controls();

std::string Dialect::every_byte_but(std::string_view left_out)
{
	std::string all;
	for (unsigned byte = 0; byte < 0x100; ++byte) {
		if (left_out.find(static_cast<char>(byte)) == std::string_view::npos)
			all += static_cast<char>(byte);
	}
	return all;
}

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
