// SPDX-License-Identifier: GPL-2.0-only
#include "watch/spliced_connections.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <prestack/flow.h>

#include "kernel/test_run.hpp"

namespace prestack
{

Result<SplicedConnections> SplicedConnections::open(int flows, std::vector<std::uint16_t> ports,
						    FlowScopes scopes, bool known_layout)
{
	auto diag = ConnectionDiag::open();
	if (!diag) {
		return tl::unexpected(diag.error());
	}
	bpf_map_info info{};
	__u32 size = sizeof info;
	if (bpf_obj_get_info_by_fd(flows, &info, &size) != 0) {
		return fail("map ps_flows", "ask about", errno);
	}
	SplicedConnections spliced(std::move(*diag), flows, std::move(ports), std::move(scopes));
	spliced.value_size_ = info.value_size;
	spliced.known_keys_ = info.key_size == sizeof(ps_flow_key::hash);
	spliced.known_layout_ = known_layout && info.value_size == sizeof(ps_flow);
	return spliced;
}

bool SplicedConnections::is_spliced(const TcpConnection &connection) const
{
	// With keys that are not ours nobody can tell.
	if (!known_keys_) {
		return true;
	}
	const auto keys = flow_keys(connection, scopes_);
	return std::ranges::any_of(keys, [this](const auto &key) { return is_spliced(key); });
}

bool SplicedConnections::is_spliced(const ps_flow_key &key) const
{
	std::vector<char> value(value_size_);
	if (bpf_map_lookup_elem(flows_, &key.hash, value.data()) != 0) {
		return false;
	}
	if (!known_layout_) {
		return true;
	}
	ps_flow flow;
	std::memcpy(&flow, value.data(), sizeof flow);
	return is_same(flow.key, key) && flow.splice.in_skip != 0 && flow.ended == 0;
}

Result<std::vector<TcpConnection>> SplicedConnections::list() const
{
	std::vector<TcpConnection> spliced;
	for (const auto port : ports_) {
		const auto connections = diag_.on_port(port);
		if (!connections) {
			return tl::unexpected(connections.error());
		}
		for (const auto &connection : *connections) {
			if (!connection.time_wait && is_spliced(connection)) {
				spliced.push_back(connection);
			}
		}
	}
	return spliced;
}

Result<std::size_t> SplicedConnections::reset() const
{
	const auto connections = list();
	if (!connections) {
		return tl::unexpected(connections.error());
	}
	for (const auto &connection : *connections) {
		if (auto gone = diag_.destroy(connection); !gone) {
			return fail("connection from " + to_string(connection.remote), "reset",
				    gone.error().errnum,
				    "the kernel needs CONFIG_INET_DIAG_DESTROY; else close it");
		}
	}
	return connections->size();
}

Result<FlowCount> count_flows(int program, std::uint32_t lose)
{
	ps_flow_count frame{};
	frame.lose = lose;
	return run_with_frame(program, "ps_count_flows", frame).map([](const ps_flow_count &count) {
		return FlowCount{count.flows, count.spliced};
	});
}

} // namespace prestack
