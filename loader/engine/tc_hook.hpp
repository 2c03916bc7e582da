// SPDX-License-Identifier: GPL-2.0-only
// The traffic-control programs on one interface: at egress, where the server's replies are seen,
// and at ingress, where replies leave that XDP could not send.
#pragma once

#include <memory>
#include <string>

#include "engine/fd.hpp"
#include "result.hpp"

namespace prestack
{

enum class TcKind {
	tcx, // a BPF link: Linux 6.6 and newer
	clsact, // a filter on a clsact qdisc
};
[[nodiscard]] const char *to_string(TcKind kind);

// Both programs of an interface. Detaches on destruction what it attached, and nothing else: the
// qdisc only if it made it and no other filter came to depend on it.
class TcHook
{
public:
	struct Programs {
		int ingress_fd;
		int egress_fd;
	};

	// A filter of ours that a killed loader left is removed first; any other program at our place is
	// an error. `force_clsact`, for tests: as if the kernel had no TCX.
	[[nodiscard]] static Result<TcHook> attach(const std::string &interface, int ifindex,
						   const Programs &programs, bool force_clsact);

	TcHook(TcHook &&other) noexcept;
	TcHook &operator=(TcHook &&) = delete;
	TcHook(const TcHook &) = delete;
	TcHook &operator=(const TcHook &) = delete;
	~TcHook();

	[[nodiscard]] TcKind kind() const { return ingress_link_ ? TcKind::tcx : TcKind::clsact; }
	[[nodiscard]] bool made_qdisc() const { return made_qdisc_; }

private:
	explicit TcHook(int ifindex) : ifindex_(ifindex) {}
	[[nodiscard]] Result<void> attach_clsact(const std::string &interface,
						 const Programs &programs);

	int ifindex_ = 0;
	UniqueFd ingress_link_;
	UniqueFd egress_link_;
	bool ingress_filter_ = false;
	bool egress_filter_ = false;
	bool made_qdisc_ = false;
};

// Removes the filters, and the qdisc if `made_qdisc`, that a killed loader left on an interface.
void remove_leftover_tc(int ifindex, bool made_qdisc);

} // namespace prestack
