// SPDX-License-Identifier: GPL-2.0-only
#include "watch/server_process.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string_view>

#include <unistd.h>

namespace prestack
{
namespace
{

namespace fs = std::filesystem;

// The name of a descriptor that is a socket: "socket:[4026531840]".
std::optional<std::uint32_t> inode_of(std::string_view target)
{
	constexpr std::string_view prefix = "socket:[";
	std::uint32_t inode = 0;
	if (!target.starts_with(prefix)) {
		return std::nullopt;
	}
	target.remove_prefix(prefix.size());
	const auto [rest, problem] =
		std::from_chars(target.data(), target.data() + target.size(), inode);
	return problem == std::errc{} ? std::optional(inode) : std::nullopt;
}

void look_at(const fs::path &process, int pid, const std::set<std::uint32_t> &wanted,
	     SocketHolders &holders)
{
	std::error_code problem;
	fs::directory_iterator at(process / "fd", problem);
	const fs::directory_iterator end;
	while (!problem && at != end) {
		std::array<char, 64> target{};
		const auto length = readlink(at->path().c_str(), target.data(), target.size());
		if (length > 0) {
			const auto inode =
				inode_of({target.data(), static_cast<std::size_t>(length)});
			if (inode && wanted.contains(*inode)) {
				holders[*inode].insert(pid);
			}
		}
		at.increment(problem);
	}
}

// Union-find.
class Groups
{
public:
	explicit Groups(std::size_t size) : parent_(size)
	{
		std::iota(parent_.begin(), parent_.end(), std::size_t{0});
	}
	std::size_t of(std::size_t i)
	{
		while (parent_[i] != i) {
			i = parent_[i] = parent_[parent_[i]];
		}
		return i;
	}
	void join(std::size_t one, std::size_t other) { parent_[of(one)] = of(other); }

private:
	std::vector<std::size_t> parent_;
};

// Whether others than this process hold each of the two, but nobody both.
bool are_apart(const std::set<int> &one, const std::set<int> &other, int pid)
{
	std::set<int> common;
	std::ranges::set_intersection(one, other, std::inserter(common, common.end()));
	common.erase(pid);
	return one.size() > 1 && other.size() > 1 && common.empty();
}

void join_by_process(std::span<const ServerSocket> sockets, const SocketHolders &holders,
		     Groups &groups)
{
	// Sockets of the very same processes are one server's. Only the first of them is compared with others:
	// a proxy may have thousands, each in dozens of processes.
	std::map<std::set<int>, std::size_t> first_of;
	std::map<int, std::vector<std::size_t>> by_process;
	for (std::size_t i = 0; i < sockets.size(); ++i) {
		const auto found = holders.find(sockets[i].inode);
		if (found == holders.end()) {
			continue;
		}
		const auto [first, fresh] = first_of.emplace(found->second, i);
		if (!fresh) {
			groups.join(first->second, i);
			continue;
		}
		for (const int pid : found->second) {
			by_process[pid].push_back(i);
		}
	}
	for (const auto &[pid, own] : by_process) {
		for (std::size_t a = 0; a < own.size(); ++a) {
			for (std::size_t b = a + 1; b < own.size(); ++b) {
				const auto &one = holders.at(sockets[own[a]].inode);
				const auto &other = holders.at(sockets[own[b]].inode);
				if (!are_apart(one, other, pid)) {
					groups.join(own[a], own[b]);
				}
			}
		}
	}
}

} // namespace

SocketHolders find_holders(std::span<const ServerSocket> sockets)
{
	SocketHolders holders;
	std::set<std::uint32_t> wanted;
	std::ranges::transform(sockets, std::inserter(wanted, wanted.end()), &ServerSocket::inode);
	std::error_code problem;
	fs::directory_iterator at("/proc", problem);
	const fs::directory_iterator end;
	while (!problem && at != end) {
		const auto name = at->path().filename().string();
		int pid = 0;
		const auto [rest, bad] =
			std::from_chars(name.data(), name.data() + name.size(), pid);
		if (bad == std::errc{} && rest == name.data() + name.size()) {
			look_at(at->path(), pid, wanted, holders);
		}
		at.increment(problem);
	}
	return holders;
}

std::vector<std::size_t> servers_of(std::span<const ServerSocket> sockets,
				    const SocketHolders &holders)
{
	Groups groups(sockets.size());
	join_by_process(sockets, holders, groups);
	std::map<std::pair<std::uint16_t, std::uint32_t>, std::vector<std::size_t>> by_port;
	for (std::size_t i = 0; i < sockets.size(); ++i) {
		by_port[{sockets[i].port, sockets[i].uid}].push_back(i);
	}
	for (const auto &[port, own] : by_port) {
		for (std::size_t a = 0; a < own.size(); ++a) {
			for (std::size_t b = a + 1; b < own.size(); ++b) {
				const auto &one = sockets[own[a]];
				const auto &other = sockets[own[b]];
				const bool same_address = one.ifindex == other.ifindex &&
							  (one.address == other.address ||
							   (one.address.is_wildcard() &&
							    other.address.is_wildcard()));
				const bool unseen = !holders.contains(one.inode) ||
						    !holders.contains(other.inode);
				if (same_address && (unseen || one.udp == other.udp)) {
					groups.join(own[a], own[b]);
				}
			}
		}
	}
	std::vector<std::size_t> servers(sockets.size());
	for (std::size_t i = 0; i < sockets.size(); ++i) {
		servers[i] = groups.of(i);
	}
	return servers;
}

} // namespace prestack
