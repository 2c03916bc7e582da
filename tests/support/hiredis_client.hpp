// SPDX-License-Identifier: GPL-2.0-only
// A connection of hiredis, the client library of Redis for C.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "netns.hpp"

struct redisContext;

namespace prestack::test
{

class HiredisClient
{
public:
	// Connects from the namespace. Throws when it cannot.
	HiredisClient(const Netns &ns, const std::string &address, std::uint16_t port);

	// Runs a command, and tells the reply as text, each value with its type: `"value"` with
	// what cannot be printed escaped, `3`, `nil`, `OK` for a status, `error: ...`, `[1, "a"]`.
	// Throws when the connection is lost.
	std::string ask(const std::vector<std::string> &words);
	// The same of words between blanks.
	std::string ask(const std::string &line);
	// Several commands in one go, and all replies.
	std::vector<std::string> pipeline(const std::vector<std::vector<std::string>> &commands);

private:
	struct Free {
		void operator()(redisContext *context) const;
	};

	void append(const std::vector<std::string> &words);
	std::string reply();

	std::unique_ptr<redisContext, Free> context_;
};

} // namespace prestack::test
