// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/bpf_link.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include <bpf/bpf.h>
#include <fmt/format.h>

namespace prestack
{
namespace
{

constexpr std::string_view prefix = "ps_link_";
constexpr std::array<std::pair<LinkKind, std::string_view>, 3> kinds{{
	{LinkKind::xdp, "xdp"},
	{LinkKind::ingress, "ingress"},
	{LinkKind::egress, "egress"},
}};

// Cuts the text up to the next underscore off its front.
std::string_view next_part(std::string_view &text)
{
	const auto end = text.find('_');
	const auto part = text.substr(0, end);
	text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
	return part;
}

template <typename Number>
bool read_number(std::string_view text, Number &out)
{
	const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
	return problem == std::errc() && end == text.data() + text.size();
}

// Of an XDP or TCX link; both keep it at the same place. 0: the interface is gone.
int interface_of(int link)
{
	bpf_link_info info{};
	__u32 size = sizeof info;
	return bpf_obj_get_info_by_fd(link, &info, &size) == 0 ? static_cast<int>(info.xdp.ifindex)
							       : 0;
}

} // namespace

BpfLink &BpfLink::operator=(BpfLink &&other) noexcept
{
	if (this != &other) {
		detach();
		fd_ = std::move(other.fd_);
		leave_ = std::exchange(other.leave_, false);
	}
	return *this;
}

void BpfLink::detach()
{
	if (fd_ && !leave_) {
		bpf_link_detach(fd_.get());
	}
	fd_.reset();
}

Result<void> BpfLink::update(int program_fd) const
{
	const int problem = bpf_link_update(fd_.get(), program_fd, nullptr);
	return problem == 0 ? Result<void>()
			    : fail("BPF link", "replace the attached program", problem);
}

std::string LinkPin::name() const
{
	std::string_view spelled;
	for (const auto &[one, name] : kinds) {
		spelled = one == kind ? name : spelled;
	}
	return fmt::format("{}{}_{}_{}", prefix, spelled, netns, ifindex);
}

std::optional<LinkPin> LinkPin::parse(const std::string &name)
{
	std::string_view rest = name;
	if (!rest.starts_with(prefix)) {
		return std::nullopt;
	}
	rest.remove_prefix(prefix.size());
	const auto spelled = next_part(rest);
	LinkPin pin;
	bool known = false;
	for (const auto &[kind, word] : kinds) {
		if (word == spelled) {
			pin.kind = kind;
			known = true;
		}
	}
	if (!known || !read_number(next_part(rest), pin.netns) ||
	    !read_number(next_part(rest), pin.ifindex) || !rest.empty()) {
		return std::nullopt;
	}
	return pin;
}

std::vector<LeftLink> left_links(const std::filesystem::path &directory)
{
	std::vector<LeftLink> links;
	std::error_code ignored;
	for (const auto &entry : std::filesystem::directory_iterator(directory, ignored)) {
		const auto pin = LinkPin::parse(entry.path().filename());
		if (!pin) {
			continue;
		}
		UniqueFd fd(bpf_obj_get(entry.path().c_str()));
		if (fd) {
			const bool attached = interface_of(fd.get()) != 0;
			links.push_back({*pin, std::move(fd), attached});
		}
	}
	return links;
}

} // namespace prestack
