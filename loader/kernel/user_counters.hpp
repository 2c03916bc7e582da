// SPDX-License-Identifier: GPL-2.0-only
// What user space counts about a service while it runs. `prestack run` publishes it in a map of its
// own, pinned with the others, so that `stats` and `status` can read it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include <prestack/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace prestack
{

// Why a service is not served whose server's changes have to be heard of.
enum class Deaf : std::uint64_t {
	no, // they are heard of, or need not be
	yes,
	refused, // the server does not let the agent in
};

// Element i of the map is service i's.
struct AgentCounters {
	std::uint64_t asked = 0;
	std::uint64_t answered = 0;
	std::uint64_t unanswered = 0;
	std::uint64_t audited = 0;
	std::uint64_t stale = 0;
	std::uint64_t absent = 0;
	std::uint64_t undecided = 0;
	std::uint64_t warmed = 0;
	std::uint64_t agent_errors = 0;
	std::uint64_t flows_swept = 0;
	// Not counters: how it is now.
	std::uint64_t connected = 0; // the agent's connection to the server stands
	std::uint64_t old_connections = 0; // waited for
	std::uint64_t bypassing = 0; // connections that pass no served interface
	std::uint64_t news = 0; // a counter again
	std::uint64_t deaf = 0; // enum class Deaf
	std::uint64_t listens = 0; // the server's changes are heard of, or nothing is served
};
static_assert(sizeof(AgentCounters) == 16 * sizeof(std::uint64_t));

struct AgentCounter {
	std::string_view name;
	std::uint64_t AgentCounters::*value;
	std::string_view text;
};

// Those that `stats` shows.
inline constexpr std::array agent_counters{
	AgentCounter{"asked", &AgentCounters::asked, "expiry times asked of the server"},
	AgentCounter{"answered", &AgentCounters::answered,
		     "of these, entries that could be served from then on"},
	AgentCounter{"unanswered", &AgentCounters::unanswered,
		     "expiry times that could not be had, or too late"},
	AgentCounter{"audited", &AgentCounters::audited, "entries compared with the server"},
	AgentCounter{"stale", &AgentCounters::stale,
		     "of these, the server had something else: must be 0"},
	AgentCounter{"absent", &AgentCounters::absent,
		     "of these, the server had nothing: evicted there"},
	AgentCounter{"undecided", &AgentCounters::undecided,
		     "entries that changed while they were compared"},
	AgentCounter{"warmed", &AgentCounters::warmed,
		     "used entries touched at the server, to stay in its LRU"},
	AgentCounter{"agent_errors", &AgentCounters::agent_errors,
		     "connections lost, answers refused or not understood"},
	AgentCounter{"news", &AgentCounters::news, "changes that the server has told of"},
	AgentCounter{"flows_swept", &AgentCounters::flows_swept,
		     "followed connections forgotten since their socket is gone"},
};

class UserCounters
{
public:
	[[nodiscard]] static Result<UserCounters> create();
	[[nodiscard]] int fd() const { return map_.get(); }
	[[nodiscard]] AgentCounters &operator[](std::uint32_t service) const
	{
		return counters_[service];
	}

	// From the map of another process.
	[[nodiscard]] static Result<AgentCounters> read(int map, std::uint32_t service);

private:
	struct Unmap {
		void operator()(AgentCounters *counters) const;
	};
	UserCounters(UniqueFd map, AgentCounters *counters)
		: map_(std::move(map)), counters_(counters)
	{
	}
	UniqueFd map_;
	std::unique_ptr<AgentCounters[], Unmap> counters_;
};

} // namespace prestack
