// SPDX-License-Identifier: GPL-2.0-only
#include "report/health.hpp"

#include <fmt/format.h>

namespace prestack
{
namespace
{

using nlohmann::json;

std::string problem_of(const json &service)
{
	const auto &server = service["server"];
	if (service["draining"].get<bool>()) {
		return "it is being stopped";
	}
	if (server["ambiguous"].get<bool>()) {
		return "which of several sockets gets what is sent to the server cannot be told";
	}
	if (server["twin"].get<bool>()) {
		return {}; // the earlier service serves it
	}
	if (!server["known"].get<bool>()) {
		return fmt::format("no server listens on {}", server["address"].get<std::string>());
	}
	if (service["waiting"].get<bool>()) {
		return fmt::format("{} connections older than the attachment are waited for",
				   service["old_connections"].dump());
	}
	const auto feed = service["change_feed"].get<std::string>();
	if (feed != "none" && feed != "up") {
		return "the server's change feed is " + feed;
	}
	return service["watched"].get<bool>() ? "" : "the loader shows no sign of life";
}

} // namespace

std::vector<std::string> health_problems(const json &status)
{
	std::vector<std::string> problems;
	if (!status["alive"].get<bool>()) {
		problems.emplace_back("the loader is dead");
	} else if (status["hung"].get<bool>()) {
		problems.emplace_back("the loader hangs");
	}
	for (const auto &service : status["services"]) {
		if (const auto problem = problem_of(service); !problem.empty()) {
			problems.push_back(fmt::format("service {}: nothing is served: {}",
						       service["name"].get<std::string>(),
						       problem));
		}
	}
	return problems;
}

} // namespace prestack
