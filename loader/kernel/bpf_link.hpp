// SPDX-License-Identifier: GPL-2.0-only
// A program attached to an interface by a BPF link: XDP, or TCX.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace prestack
{

// Detaches on destruction, pinned or not, and at once: a link that is merely closed goes when the
// kernel gets round to it.
class BpfLink
{
public:
	BpfLink() = default;
	explicit BpfLink(int fd) : fd_(fd) {}
	explicit BpfLink(UniqueFd fd) : fd_(std::move(fd)) {}
	BpfLink(BpfLink &&other) noexcept
		: fd_(std::move(other.fd_)), leave_(std::exchange(other.leave_, false))
	{
	}
	BpfLink &operator=(BpfLink &&other) noexcept;
	BpfLink(const BpfLink &) = delete;
	BpfLink &operator=(const BpfLink &) = delete;
	~BpfLink() { detach(); }

	[[nodiscard]] int fd() const { return fd_.get(); }
	explicit operator bool() const { return static_cast<bool>(fd_); }
	// Packets meet the old program or the new one, never none. Fails if the interface is gone.
	[[nodiscard]] Result<void> update(int program_fd) const;
	// Only its pin holds it from now on.
	void leave() { leave_ = true; }
	// Detached on destruction after all.
	void own() { leave_ = false; }

private:
	void detach();

	UniqueFd fd_;
	bool leave_ = false;
};

enum class LinkKind { xdp, ingress, egress };

// The pin of an instance's link. It names the network namespace (by its inode number) as well, since
// numbers of interfaces mean nothing in another one.
struct LinkPin {
	LinkKind kind = LinkKind::xdp;
	std::uint64_t netns = 0;
	int ifindex = 0;

	[[nodiscard]] std::string name() const;
	[[nodiscard]] static std::optional<LinkPin> parse(const std::string &name);
	friend bool operator==(const LinkPin &, const LinkPin &) = default;
};

// A link that a killed loader left. Does not detach unless taken and destroyed.
struct LeftLink {
	LinkPin pin;
	UniqueFd fd;
	bool attached = false; // its interface is still there
};
[[nodiscard]] std::vector<LeftLink> left_links(const std::filesystem::path &directory);

} // namespace prestack
