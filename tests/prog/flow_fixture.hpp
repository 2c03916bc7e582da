// SPDX-License-Identifier: GPL-2.0-only
// A TCP connection between a client and a server that are nothing but segments. The protocol is the
// toy's, tests/toy/stream.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <prestack/flow.h>

#include "fixture.hpp"

namespace prestack::test
{

// Messages. `id` is any four characters: the core does not look at it.
std::string stream_get(std::string_view key);
std::string stream_quiet_get(std::string_view key);
std::string stream_set(std::string_view key, std::string_view value);
std::string stream_quiet_set(std::string_view key, std::string_view value);
std::string stream_delete(const std::vector<std::string> &keys);
std::string stream_value(std::string_view key, std::string_view value);
inline const std::string kStreamFlush = "0000 F\n";
inline const std::string kStreamMark = "0000 M\n";
inline const std::string kStreamOk = "0000 OK\n";
inline const std::string kStreamNone = "0000 N\n";
inline const std::string kStreamError = "0000 E\n";

inline constexpr std::uint8_t kFin = 1;
inline constexpr std::uint8_t kSyn = 2;
inline constexpr std::uint8_t kRst = 4;
inline constexpr std::uint8_t kPush = 8;
inline constexpr std::uint8_t kAck = 16;
inline constexpr std::uint8_t kUrgent = 32;

class FlowTest : public ProgTest
{
protected:
	explicit FlowTest(const DatapathOptions &options = {}) : ProgTest(options)
	{
		prove_path();
		moved_now();
	}

	// The server's SYN-ACK; from now on the two sequence numbers are those of a new connection.
	void connect(std::uint32_t client = 1000, std::uint32_t server = 2000);

	// A segment of the client's, at its next byte or at another, which it expects to pass
	// unchanged. The short forms move the client's position on.
	Packet client_segment(std::string payload, std::uint32_t sequence) const;
	Packet server_segment(std::string payload, std::uint32_t sequence) const;
	Outcome arrives(const Packet &packet) { return datapath_.ingress(packet.bytes()); }
	Outcome leaves(const Packet &packet) { return leaves_frame(packet.bytes()); }
	Outcome leaves_frame(const std::string &frame) { return datapath_.egress(frame); }
	int sends(const std::string &payload);
	int sends_at(const std::string &payload, std::uint32_t sequence);
	void answers(const std::string &payload);
	// A segment without data that acknowledges `sequence`, or all that the client has sent.
	void acknowledges(std::optional<std::uint32_t> sequence = {});

	// Entries that UDP has brought into the cache.
	void cache(const std::vector<std::string> &keys);
	// Puts an old value back, as a read does whose reply is overtaken by nothing.
	void cache_old(const std::string &key) { cache({key}); }

	ps_flow_key flow_key() const;
	std::optional<ps_flow> flow() const;
	std::uint32_t lost() const;
	// Sets what is kept of the flow: what would take long to come to.
	void change(const std::function<void(ps_flow &)> &how) const;

	std::uint32_t client_next_ = 0;
	std::uint32_t server_next_ = 0;
};

} // namespace prestack::test
