// SPDX-License-Identifier: GPL-2.0-only
// The loader's one way to report failure.
//
// A function that can fail returns Result<T>. Nothing in loader/ throws across a
// function boundary: exceptions of third-party libraries are caught where they arise.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace prestack
{

// What a failure means for the exit code of the command line.
enum class ErrorKind {
	failed, // something in the system did not work: exit code 1
	config, // the operator's input is wrong: exit code 2
};

// Names the object, the operation, errno (0 if none applies) and, where one is known,
// the mend: what the operator can do about it.
struct Error {
	ErrorKind kind = ErrorKind::failed;
	std::string where; // "file:line:column", only for configuration errors
	std::string object; // "interface eth0", "service[1].port"
	std::string operation; // "attach XDP", or for configuration what is wrong with the value
	int errnum = 0; // a positive errno value
	std::string mend; // "stop it with ...", one clause without a full stop

	// Orders configuration errors as a reader of the file meets them.
	int line = 0;
	int column = 0;
};

using Errors = std::vector<Error>;

template <typename T>
using Result = tl::expected<T, Error>;

// Several errors at once: for checks that go on after the first finding.
template <typename T>
using MultiResult = tl::expected<T, Errors>;

using Failure = tl::unexpected<Error>;

// Builds a failure of the system. `errnum` may be negative, as libbpf returns it.
[[nodiscard]] Failure fail(std::string object, std::string operation, int errnum = 0,
			   std::string mend = {});

// One line: "where: object: operation: reason (ENAME); mend".
[[nodiscard]] std::string to_string(const Error &error);

} // namespace prestack
