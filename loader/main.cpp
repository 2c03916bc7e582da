// SPDX-License-Identifier: GPL-2.0-only
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli.hpp"
#include "commands.hpp"

int main(int argc, char **argv)
{
	try {
		const std::vector<std::string> arguments(argv + 1, argv + argc);
		const auto line = prestack::parse_command_line(arguments);
		if (!line) {
			fmt::print("{}", line.error().out);
			fmt::print(stderr, "{}", line.error().err);
			return line.error().code;
		}
		return prestack::run_command(*line);
	} catch (const std::exception &problem) {
		// Nothing of ours throws: this is memory running out, or a defect. Unwinding has detached all.
		std::fprintf(stderr, "prestack: unexpected: %s\n", problem.what());
		return 1;
	}
}
