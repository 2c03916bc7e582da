// SPDX-License-Identifier: GPL-2.0-only
#include "attach/attachment.hpp"

#include <algorithm>
#include <cstring>

#include "base/host.hpp"

namespace prestack
{
namespace
{

// Takes a link out of those that a killed loader left.
BpfLink take(std::vector<LeftLink> &links, LinkKind kind, int ifindex)
{
	for (auto &link : links) {
		if (link.pin.kind == kind && link.pin.ifindex == ifindex) {
			return BpfLink(std::move(link.fd));
		}
	}
	return {};
}

// Whether that loader made the qdisc.
bool made_qdisc(const nlohmann::json &description, int ifindex)
{
	for (const auto &interface : description.value("interfaces", nlohmann::json::array())) {
		if (interface.value("ifindex", 0) == ifindex) {
			return interface.value("made_qdisc", false);
		}
	}
	return false;
}

} // namespace

Result<void> Attachment::add(const ServedInterface &interface, const Objects &objects,
			     const BpffsPtr &bpffs, InstanceDir &dir, Takeover *takeover)
{
	const auto &programs = objects.programs();
	const TcHook::Programs tc{programs.tc_ingress, programs.tc_egress};
	const bool replace = takeover != nullptr && takeover->has(interface.ifindex);
	if (replace) {
		// From here on what is attached may need what we have pinned, and what was.
		dir.leave();
	}
	auto hooks = replace ? take_over(interface, tc, programs.xdp, dir, *takeover)
			     : attach(interface, tc, programs.xdp, bpffs);
	if (!hooks) {
		return tl::unexpected(hooks.error());
	}
	if (options_.pinned && !replace) {
		if (auto pinned = pin(*hooks, interface.ifindex, dir); !pinned) {
			return pinned;
		}
	}
	log_->info("interface {}: {} XDP, {}{}", interface.name, to_string(hooks->xdp.mode),
		   to_string(hooks->tc->kind()), replace ? " (taken over)" : "");
	auto served = interface;
	served.native = hooks->xdp.mode == XdpMode::native;
	interfaces_.push_back(std::move(served));
	hooks_.push_back(std::move(*hooks));
	return {};
}

Result<Attachment::Hooks> Attachment::attach(const ServedInterface &interface,
					     const TcHook::Programs &tc, int xdp,
					     const BpffsPtr &bpffs)
{
	auto attached = attach_xdp(interface.name, interface.ifindex, xdp, options_.mode, bpffs);
	if (!attached) {
		return tl::unexpected(attached.error());
	}
	if (attached->native_problem != 0) {
		log_->warn("interface {}: native XDP is not possible ({}); using generic XDP, "
			   "which is slower",
			   interface.name, strerrordesc_np(attached->native_problem));
	}
	Hooks hooks{nullptr, std::move(*attached)};
	auto filters = TcHook::attach(interface.name, interface.ifindex, tc, options_.force_clsact);
	if (!filters) {
		return tl::unexpected(filters.error());
	}
	hooks.tc = std::make_unique<TcHook>(std::move(*filters));
	return hooks;
}

Result<Attachment::Hooks> Attachment::take_over(const ServedInterface &interface,
						const TcHook::Programs &tc, int xdp,
						const InstanceDir &dir, Takeover &takeover)
{
	auto &links = takeover.links;
	auto replaced = take_over_xdp(interface.name, interface.ifindex, xdp,
				      take(links, LinkKind::xdp, interface.ifindex));
	if (!replaced) {
		return tl::unexpected(replaced.error());
	}
	auto filters = TcHook::take_over(interface.name, interface.ifindex, tc,
					 take(links, LinkKind::ingress, interface.ifindex),
					 take(links, LinkKind::egress, interface.ifindex),
					 made_qdisc(dir.leftover(), interface.ifindex));
	if (!filters) {
		return tl::unexpected(filters.error());
	}
	return Hooks{std::make_unique<TcHook>(std::move(*filters)), std::move(*replaced)};
}

Result<void> Attachment::pin(const Hooks &hooks, int ifindex, const InstanceDir &dir)
{
	const auto netns = netns_id();
	auto done = dir.pin_link(hooks.xdp.link.fd(), {LinkKind::xdp, netns, ifindex});
	if (done && hooks.tc->kind() == TcKind::tcx) {
		done = dir.pin_link(hooks.tc->ingress_link().fd(),
				    {LinkKind::ingress, netns, ifindex})
			       .and_then([&] {
				       return dir.pin_link(hooks.tc->egress_link().fd(),
							   {LinkKind::egress, netns, ifindex});
			       });
	}
	return done;
}

std::vector<LinkPin> Attachment::links() const
{
	std::vector<LinkPin> links;
	if (options_.pinned) {
		for (const auto &interface : interfaces_) {
			for (const auto kind :
			     {LinkKind::xdp, LinkKind::ingress, LinkKind::egress}) {
				links.push_back({kind, netns_id(), interface.ifindex});
			}
		}
	}
	return links;
}

std::vector<InterfaceDescription> Attachment::describe() const
{
	std::vector<InterfaceDescription> interfaces;
	for (std::size_t i = 0; i < interfaces_.size(); ++i) {
		const auto &[tc, xdp] = hooks_[i];
		interfaces.push_back({interfaces_[i].name, interfaces_[i].ifindex,
				      std::string(to_string(xdp.mode)), to_string(tc->kind()),
				      tc->made_qdisc()});
	}
	return interfaces;
}

void Attachment::leave()
{
	for (auto &hooks : hooks_) {
		hooks.xdp.link.leave();
		hooks.tc->leave();
	}
}

void Attachment::own()
{
	for (auto &hooks : hooks_) {
		hooks.xdp.link.own();
		hooks.tc->own();
	}
}

} // namespace prestack
