// SPDX-License-Identifier: GPL-2.0-only
// The user-space half of a plug-in: how to ask the server about one key, and, if the server can say
// so, how to read its change feed: the messages by which the server says which keys have changed.
//
// A codec is pure. It makes bytes of questions and answers of bytes. Connections, time-outs and the use of
// the answers are the loader's (agent/agent_link.hpp, agent/agent_runner.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prestack
{

// What a question is for. No question changes what clients can see of an item, but for what the reads of
// clients that were answered from the cache would have changed, had they reached the server.
enum class AgentPurpose {
	expiry, // when the item ends: changes nothing
	value, // its value and flags too: may count as a read, so only for what clients read
	touch, // nothing: it is to count as a read
};

struct AgentQuestion {
	std::string_view key;
	AgentPurpose purpose = AgentPurpose::expiry;
};

struct AgentReply {
	enum class Status {
		incomplete, // read on and decode again from the same place
		part, // this much was read; the rest follows, maybe after a message of the feed
		answered,
		refused, // the server does not say; the next answer follows
		broken, // this is not the answer to the question: nothing that follows can be trusted
	};
	Status status = Status::incomplete;
	// Bytes of the answer. May be beyond the input: what is missing then is of no interest.
	std::size_t consumed = 0;

	// The rest is for `answered`.
	bool present = false;
	// False: the item is there, but the server would tell some clients more about it than an entry
	// can hold.
	bool plain = true;
	// What the item has left, by one of these two; nothing in both: it lasts for ever. Seconds are
	// ticks of the server's clock; milliseconds are exact.
	std::optional<std::uint64_t> seconds_left;
	std::optional<std::uint64_t> milliseconds_left;
	std::uint32_t flags = 0;
	// Nothing if it was not asked for, or is longer than any entry. Points into the input.
	std::optional<std::string_view> value;
	// Not empty: asking took something from the clients, and these bytes, sent to the server, give
	// it back. Their answer is for `decode_repair`.
	std::string repair;
};

// As good as for ever: a century. More is taken for that.
inline constexpr std::uint64_t most_milliseconds = 3'000'000'000'000;

// A message of the change feed. The server sends it between its answers.
struct FeedMessage {
	enum class Status {
		none, // what comes next is an answer
		incomplete, // read on
		changes,
		broken, // nothing that follows can be trusted
	};
	Status status = Status::none;
	std::size_t consumed = 0; // may be beyond the input, as in AgentReply
	// These keys have changed. Point into the input. A long list may come in several parts.
	std::vector<std::string_view> keys;
	bool any_key = false; // any key may have changed
};

// One codec serves one connection; it may keep state. One thread.
class AgentCodec
{
public:
	AgentCodec() = default;
	AgentCodec(const AgentCodec &) = delete;
	AgentCodec &operator=(const AgentCodec &) = delete;
	virtual ~AgentCodec() = default;

	// Appends the question to `out`. False, and nothing is appended: the key cannot be asked about.
	[[nodiscard]] virtual bool encode(const AgentQuestion &question, std::string &out) = 0;
	// Reads the answer to `question` at the start of `input`. Answers come in the order of the
	// questions.
	[[nodiscard]] virtual AgentReply decode(const AgentQuestion &question,
						std::string_view input) = 0;
	// Reads the answer to a repair: only status and consumed matter.
	[[nodiscard]] virtual AgentReply decode_repair(std::string_view input) = 0;

	// The rest is for servers with a change feed, or with an opening (a greeting, authentication).

	// Appends the opening, which goes before all else; returns how many answers it has.
	[[nodiscard]] virtual unsigned open(std::string &) { return 0; }
	// Reads one of these answers: only status and consumed matter. Refused: the connection is of no use.
	[[nodiscard]] virtual AgentReply decode_opening(std::string_view) { return {}; }
	// Keys may change in ways that only the server sees. The service is served only while its change
	// feed is up.
	[[nodiscard]] virtual bool needs_change_feed() const { return false; }
	// Reads a message of the feed at the start of `input`, which is not empty. Called before each
	// answer, and while an answer is incomplete.
	[[nodiscard]] virtual FeedMessage decode_feed(std::string_view) { return {}; }
	// Appends a question of no effect. Once it is answered, the feed has told of all that the server did
	// before it answered the previous heartbeat.
	virtual void encode_heartbeat(std::string &) {}
	[[nodiscard]] virtual AgentReply decode_heartbeat(std::string_view) { return {}; }
	// Whether no request of a client's can come by `port`, although the server that serves clients on
	// `service_port` listens there (a bus between servers). What comes there is not looked at.
	[[nodiscard]] virtual bool is_side_port(std::uint16_t /*service_port*/,
						std::uint16_t /*port*/) const
	{
		return false;
	}
	// Items expire by the wall clock, so setting the clock moves their ends.
	[[nodiscard]] virtual bool lives_by_wall_clock() const { return false; }
};

} // namespace prestack
