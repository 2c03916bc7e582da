// SPDX-License-Identifier: GPL-2.0-only
// The traffic-control programs on one interface: at egress, where the server's replies are seen,
// and at ingress, where replies leave that XDP could not send.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "kernel/bpf_link.hpp"

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

	// Puts the programs in the place of those that a killed loader left: in its TCX links, or if
	// there are none, in its filters. From then on as after leave().
	[[nodiscard]] static Result<TcHook> take_over(const std::string &interface, int ifindex,
						      const Programs &programs, BpfLink ingress,
						      BpfLink egress, bool made_qdisc);

	TcHook(TcHook &&other) noexcept;
	TcHook &operator=(TcHook &&) = delete;
	TcHook(const TcHook &) = delete;
	TcHook &operator=(const TcHook &) = delete;
	~TcHook();

	[[nodiscard]] TcKind kind() const { return ingress_link_ ? TcKind::tcx : TcKind::clsact; }
	[[nodiscard]] bool made_qdisc() const { return made_qdisc_; }
	[[nodiscard]] const BpfLink &ingress_link() const { return ingress_link_; }
	[[nodiscard]] const BpfLink &egress_link() const { return egress_link_; }
	// Destruction detaches nothing from now on. Links need pins to outlive the process.
	void leave();
	// Destruction detaches after all.
	void own();

private:
	explicit TcHook(int ifindex) : ifindex_(ifindex) {}
	[[nodiscard]] Result<void> attach_clsact(const std::string &interface,
						 const Programs &programs);

	int ifindex_ = 0;
	BpfLink ingress_link_;
	BpfLink egress_link_;
	bool ingress_filter_ = false;
	bool egress_filter_ = false;
	bool made_qdisc_ = false;
	bool leave_ = false;
};

// Removes the filters, and the qdisc if `made_qdisc`, that a killed loader left on an interface.
void remove_leftover_tc(int ifindex, bool made_qdisc);

} // namespace prestack
