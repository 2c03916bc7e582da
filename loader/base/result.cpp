// SPDX-License-Identifier: GPL-2.0-only
#include "base/result.hpp"

#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace prestack
{

Failure fail(std::string object, std::string operation, int errnum, std::string mend)
{
	Error error;
	error.object = std::move(object);
	error.operation = std::move(operation);
	error.errnum = std::abs(errnum);
	error.mend = std::move(mend);
	return Failure(std::move(error));
}

std::string to_string(const Error &error)
{
	std::string line;
	const auto append = [&line](std::string_view part) {
		if (part.empty()) {
			return;
		}
		if (!line.empty()) {
			line += ": ";
		}
		line += part;
	};
	append(error.where);
	append(error.object);
	append(error.operation);
	if (error.errnum != 0) {
		const char *name = strerrorname_np(error.errnum);
		append(fmt::format("{} ({})",
				   strerrordesc_np(error.errnum) ? strerrordesc_np(error.errnum)
								 : "unknown error",
				   name ? name : std::to_string(error.errnum)));
	}
	if (!error.mend.empty()) {
		line += "; ";
		line += error.mend;
	}
	return line;
}

} // namespace prestack
