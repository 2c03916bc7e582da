// SPDX-License-Identifier: GPL-2.0-only
// What this suite has to know of a protocol.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "script.hpp"
#include "support/prestack.hpp"
#include "support/server.hpp"
#include "support/tcp_client.hpp"

namespace prestack::test
{

struct Protocol {
	ServiceOptions service;
	// A server that keeps all that it is given. Without an address: on the loopback interface.
	std::unique_ptr<Server> (*start)(const Netns &ns,
					 const std::vector<std::string> &addresses);
	ReplyLength reply_length;
	Script (*make_script)(std::uint64_t seed, unsigned number, const ScriptOptions &options);
	// The commands that store the shared keys.
	std::vector<std::string> (*shared_items)();
	// A read of a shared key, for protocols whose reads are answered only once prestack hears of changes
	// from the server: the scripts begin after that. Empty: at once.
	std::string first_read{};
	// A server that forgets its replies when the client says that it is done: what makes it close
	// after the last one, and what it replies to that. Empty: it sends all of them.
	std::string closing_request{};
	std::string closing_reply{};
};

extern const Protocol memcached_protocol;
extern const Protocol redis_protocol;

} // namespace prestack::test
