// SPDX-License-Identifier: GPL-2.0-only
// What user space counts about each service while it runs. `prestack run` publishes the counters in a map of
// its own, pinned with the others, so that `stats` and `status` can read them.
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

// The state of a server's change feed: the messages by which it says which keys have changed. A service that
// needs the feed is served only while it is up.
enum class ChangeFeed : std::uint64_t {
	none, // the service needs none: its writes are seen on their way to the server
	up,
	down,
	refused, // down, since the server does not let the agent in
};

// Element i of the map is service i's. All members are 64 bits wide.
struct ServiceCounters {
	std::uint64_t expiry_asked = 0;
	std::uint64_t expiry_answered = 0;
	std::uint64_t expiry_unanswered = 0;
	std::uint64_t audited = 0;
	std::uint64_t stale = 0;
	std::uint64_t absent = 0;
	std::uint64_t undecided = 0;
	std::uint64_t warmed = 0;
	std::uint64_t agent_errors = 0;
	std::uint64_t feed_changes = 0;
	std::uint64_t flows_swept = 0;
	// The rest does not count, but says how it is now.
	std::uint64_t agent_connected = 0; // 1: the agent has a connection to the server
	std::uint64_t old_connections = 0; // older than the attachment, and waited for
	std::uint64_t bypassing = 0; // connections that pass no served interface
	ChangeFeed change_feed = ChangeFeed::none;
};
static_assert(sizeof(ServiceCounters) == 15 * sizeof(std::uint64_t));

struct ShownCounter {
	std::string_view name;
	std::uint64_t ServiceCounters::*value;
	std::string_view text;
};

// Those that `stats` shows.
inline constexpr std::array shown_counters{
	ShownCounter{"expiry_asked", &ServiceCounters::expiry_asked,
		     "expiry times asked of the server"},
	ShownCounter{"expiry_answered", &ServiceCounters::expiry_answered,
		     "of these, entries that could be served from then on"},
	ShownCounter{"expiry_unanswered", &ServiceCounters::expiry_unanswered,
		     "of these, that could not be had, or came too late"},
	ShownCounter{"audited", &ServiceCounters::audited, "entries compared with the server"},
	ShownCounter{"stale", &ServiceCounters::stale,
		     "of these, the server had something else: must be 0"},
	ShownCounter{"absent", &ServiceCounters::absent,
		     "of these, the server had nothing: evicted there"},
	ShownCounter{"undecided", &ServiceCounters::undecided,
		     "entries that changed while they were compared"},
	ShownCounter{"warmed", &ServiceCounters::warmed,
		     "used entries touched at the server, to stay in its LRU"},
	ShownCounter{"agent_errors", &ServiceCounters::agent_errors,
		     "connections lost, answers refused or not understood"},
	ShownCounter{"feed_changes", &ServiceCounters::feed_changes,
		     "changes that the server's change feed has told of"},
	ShownCounter{"flows_swept", &ServiceCounters::flows_swept,
		     "followed connections forgotten since their socket is gone"},
};

// The map with the counters of all services.
class UserCounters
{
public:
	[[nodiscard]] static Result<UserCounters> create();
	[[nodiscard]] int fd() const { return map_.get(); }
	[[nodiscard]] ServiceCounters &operator[](std::uint32_t service) const
	{
		return counters_[service];
	}

	// From the map of another process.
	[[nodiscard]] static Result<ServiceCounters> read(int map, std::uint32_t service);

private:
	struct Unmap {
		void operator()(ServiceCounters *counters) const;
	};
	UserCounters(UniqueFd map, ServiceCounters *counters)
		: map_(std::move(map)), counters_(counters)
	{
	}
	UniqueFd map_;
	std::unique_ptr<ServiceCounters[], Unmap> counters_;
};

} // namespace prestack
