// SPDX-License-Identifier: GPL-2.0-only
// The programs on all interfaces of an instance.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "attach/takeover.hpp"
#include "attach/tc_hook.hpp"
#include "attach/xdp_hook.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "kernel/bpffs.hpp"
#include "kernel/description.hpp"
#include "kernel/instance_dir.hpp"
#include "kernel/objects.hpp"
#include "watch/service_monitor.hpp"

namespace prestack
{

// Detaches all on destruction, unless it is to be left.
class Attachment
{
public:
	struct Options {
		XdpMode mode = XdpMode::automatic;
		bool force_clsact = false; // tests: as if the kernel had no TCX
		bool pinned = false; // outlives a killed loader
	};

	Attachment(Options options, std::shared_ptr<spdlog::logger> log)
		: options_(options), log_(std::move(log))
	{
	}

	// One after the other, XDP first: only one program can be there, so it is what keeps two instances
	// off one interface. It serves nothing before the egress hook has seen the server answer. With a
	// `takeover`, whose links it takes, what is on the interface is replaced, and left if this fails.
	[[nodiscard]] Result<void> add(const ServedInterface &interface, const Objects &objects,
				       const BpffsPtr &bpffs, InstanceDir &dir, Takeover *takeover);

	[[nodiscard]] const std::vector<ServedInterface> &interfaces() const { return interfaces_; }
	[[nodiscard]] std::vector<LinkPin> links() const;
	[[nodiscard]] std::vector<InterfaceDescription> describe() const;
	// Destruction detaches nothing from now on; or, after that, everything again.
	void leave();
	void own();

private:
	struct Hooks {
		// Destroyed last to first: XDP stops answering before the egress hook goes.
		std::unique_ptr<TcHook> tc;
		XdpHook xdp;
	};
	[[nodiscard]] Result<Hooks> attach(const ServedInterface &interface,
					   const TcHook::Programs &tc, int xdp,
					   const BpffsPtr &bpffs);
	[[nodiscard]] Result<Hooks> take_over(const ServedInterface &interface,
					      const TcHook::Programs &tc, int xdp,
					      const InstanceDir &dir, Takeover &takeover);
	[[nodiscard]] Result<void> pin(const Hooks &hooks, int ifindex, const InstanceDir &dir);

	Options options_;
	std::shared_ptr<spdlog::logger> log_;
	std::vector<ServedInterface> interfaces_;
	std::vector<Hooks> hooks_; // one for each
};

} // namespace prestack
