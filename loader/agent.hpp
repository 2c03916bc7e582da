// SPDX-License-Identifier: GPL-2.0-only
// The user-space half of a plug-in: how to ask the server about one key.
//
// A codec is pure: it makes bytes of questions and answers of bytes. Connections, time-outs and what
// the answers are good for are the loader's (engine/agent_link.hpp, engine/agent_runner.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace prestack
{

// Every question touches the item in the server's LRU, as a client's read would.
struct AgentQuestion {
	std::string_view key;
	bool value = false; // the value and its flags are wanted too
};

struct AgentReply {
	enum class Status {
		incomplete, // read on and decode again from the same place
		answered,
		refused, // the server would not say; the next answer follows
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
	// Seconds that the item has left, in ticks of the server's clock. Nothing: for ever.
	std::optional<std::uint64_t> seconds_left;
	std::uint32_t flags = 0;
	// Nothing if it was not asked for, or is longer than any entry. Points into the input.
	std::optional<std::string_view> value;
	// Not empty: asking took something from the clients, and these bytes, sent to the server, give
	// it back. Their answer is for `decode_repair`.
	std::string repair;
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
};

} // namespace prestack
