// SPDX-License-Identifier: GPL-2.0-only
// What a run has to know of a protocol: which server is started, how reads and writes are worded, and what
// the replies say. All else is shared.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "support/prestack.hpp"
#include "support/server.hpp"
#include "support/tcp_client.hpp"

namespace prestack::test
{

class Client;
struct LoadOptions;

// A read over TCP: one request with one reply.
struct Read {
	std::string bytes{};
	std::vector<std::uint32_t> keys{};
};

struct Seen {
	std::uint32_t key = 0;
	std::uint64_t version = absent_version;
};

// What is asked before a value is replaced only if it is still the same.
struct Look {
	std::string bytes{};
	unsigned replies = 1;
};

// What a server does by its clock.
struct ServerClock {
	std::int64_t flush_spares = 0; // what is younger, ns
	// An item may be gone so much before its time, or after it, ns.
	std::int64_t expiry_early = 0;
	std::int64_t expiry_late = 0;
	// Mean time between the writes of a mortal key: it has to be left alone for long enough to die.
	std::chrono::milliseconds mortal_interval{5'000};
};

// Some clients of one kind.
struct Clients {
	unsigned count = 0;
	void (*loop)(Client &) = nullptr;
};

class Protocol
{
public:
	virtual ~Protocol() = default;

	virtual std::unique_ptr<Server> start(const Netns &ns,
					      const std::string &address) const = 0;
	// What prestack is told of it.
	virtual ServiceOptions service() const = 0;
	virtual ServerClock clock() const = 0;
	virtual std::vector<Clients> clients(const LoadOptions &load) const = 0;

	virtual ReplyLength reply_length() const = 0;
	// What a connection begins with, answered by one reply; mostly nothing.
	virtual std::string greeting(Client &client) const = 0;
	// Answered once all before it is done.
	virtual std::string_view sync() const = 0;
	virtual std::string_view synced() const = 0;
	// Also after commands that have replies.
	virtual bool always_syncs() const = 0;

	virtual Read any_read(Client &client) const = 0;
	// Versions of some of its keys; garbage_version if it is no reply to this read.
	virtual std::vector<Seen> seen_in(const Read &read, std::string_view reply) const = 0;

	virtual Command any_write(Client &client, const CommandOptions &options) const = 0;
	// Stores what the key's kind holds.
	virtual Command plain_set(Client &client, std::uint32_t key) const = 0;
	// What the last reply to `command` says: the version that is there now, or nullopt if nothing was
	// changed.
	virtual std::optional<std::uint64_t> version_after(const Command &command,
							   std::string_view reply) const = 0;
	virtual Look look_at(std::uint32_t key) const = 0;
	// Stores `version` if nothing has changed since that look; nullopt if there is nothing to replace.
	virtual std::optional<Command> replace(std::uint32_t key, std::uint64_t version,
					       std::string_view found) const = 0;
};

const Protocol &memcached_protocol();
const Protocol &redis_protocol();

} // namespace prestack::test
