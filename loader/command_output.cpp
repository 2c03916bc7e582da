// SPDX-License-Identifier: GPL-2.0-only
#include "command_output.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace prestack
{

int report(const Error &error)
{
	fmt::print(stderr, "prestack: {}\n", to_string(error));
	return error.kind == ErrorKind::config ? 2 : 1;
}

int report(const Errors &errors)
{
	int code = 0;
	for (const auto &error : errors) {
		code = std::max(code, report(error));
	}
	return code;
}

void print(const nlohmann::json &value)
{
	fmt::print("{}\n", value.dump(2));
}

std::shared_ptr<spdlog::logger> make_log()
{
	auto log = std::make_shared<spdlog::logger>(
		"prestack", std::make_shared<spdlog::sinks::stderr_sink_st>());
	log->set_pattern("prestack: %l: %v");
	log->flush_on(spdlog::level::info);
	return log;
}

} // namespace prestack
