// SPDX-License-Identifier: GPL-2.0-only
// Spliced connections: those on which the kernel has answered, so that the two ends count bytes
// differently and every segment is translated. Without us they break off.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "watch/tcp_connections.hpp"

namespace prestack
{

class SplicedConnections
{
public:
	// `flows` is the map ps_flows and not owned. Of a layout that is not ours every flow counts, and with
	// keys that are not ours every connection.
	[[nodiscard]] static Result<SplicedConnections> open(int flows,
							     std::vector<std::uint16_t> ports,
							     FlowScopes scopes,
							     bool known_layout = true);

	// Those that have a socket in this network namespace, and something left to say: in TIME_WAIT both
	// ends are through.
	[[nodiscard]] Result<std::vector<TcpConnection>> list() const;
	// Closes them with a reset to the client, while it is still translated. How many were; fails if the
	// kernel cannot (CONFIG_INET_DIAG_DESTROY).
	[[nodiscard]] Result<std::size_t> reset() const;

private:
	SplicedConnections(ConnectionDiag diag, int flows, std::vector<std::uint16_t> ports,
			   FlowScopes scopes)
		: diag_(std::move(diag)), flows_(flows), ports_(std::move(ports)),
		  scopes_(std::move(scopes))
	{
	}
	[[nodiscard]] bool is_spliced(const TcpConnection &connection) const;
	[[nodiscard]] bool is_spliced(const ps_flow_key &key) const;

	ConnectionDiag diag_;
	int flows_;
	std::vector<std::uint16_t> ports_;
	FlowScopes scopes_;
	std::size_t value_size_ = 0;
	bool known_layout_ = true;
	bool known_keys_ = true;
};

// The connections that are followed, whether they have a socket or not.
struct FlowCount {
	std::uint64_t flows = 0;
	std::uint64_t spliced = 0;
};
// Runs the program `ps_count_flows`; `lose` as in struct ps_flow_count.
[[nodiscard]] Result<FlowCount> count_flows(int program, std::uint32_t lose = 0);

} // namespace prestack
