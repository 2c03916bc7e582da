// SPDX-License-Identifier: GPL-2.0-only
#include "base/host.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace prestack
{
namespace
{

constexpr int least_major = 6;
constexpr int least_minor = 1;

Result<ifreq> ask_interface(const std::string &name, unsigned long request)
{
	const UniqueFd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	ifreq reply{};
	std::strncpy(reply.ifr_name, name.c_str(), sizeof reply.ifr_name - 1);
	if (!socket_fd || ioctl(socket_fd.get(), request, &reply) != 0) {
		return fail("interface " + name, "read its properties", errno);
	}
	return reply;
}

} // namespace

std::uint64_t netns_id()
{
	struct stat info = {};
	return stat("/proc/self/ns/net", &info) == 0 ? info.st_ino : 0;
}

bool enter_netns(std::uint64_t id)
{
	if (id == netns_id()) {
		return true;
	}
	namespace fs = std::filesystem;
	std::error_code ignored;
	std::vector<fs::path> places;
	for (const auto &process : fs::directory_iterator("/proc", ignored)) {
		places.push_back(process.path() / "ns/net");
	}
	for (const auto *named : {"/run/netns", "/proc/1/root/run/netns"}) {
		for (const auto &place : fs::directory_iterator(named, ignored)) {
			places.push_back(place.path());
		}
	}
	return std::ranges::any_of(places, [id](const fs::path &place) {
		struct stat info = {};
		if (stat(place.c_str(), &info) != 0 || info.st_ino != id) {
			return false;
		}
		const UniqueFd ns(open(place.c_str(), O_RDONLY | O_CLOEXEC));
		return ns && setns(ns.get(), CLONE_NEWNET) == 0 && netns_id() == id;
	});
}

int interface_index(const std::string &name)
{
	return static_cast<int>(if_nametoindex(name.c_str()));
}

bool is_ethernet(const std::string &name)
{
	const auto reply = ask_interface(name, SIOCGIFHWADDR);
	return reply && (reply->ifr_hwaddr.sa_family == ARPHRD_ETHER ||
			 reply->ifr_hwaddr.sa_family == ARPHRD_LOOPBACK);
}

bool is_loopback(const std::string &name)
{
	const auto reply = ask_interface(name, SIOCGIFHWADDR);
	return reply && reply->ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

Result<std::uint32_t> interface_mtu(const std::string &name)
{
	return ask_interface(name, SIOCGIFMTU).map([](const ifreq &reply) {
		return static_cast<std::uint32_t>(reply.ifr_mtu);
	});
}

std::uint64_t host_memory()
{
	struct sysinfo info = {};
	return sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

unsigned possible_cpus()
{
	const long cpus = sysconf(_SC_NPROCESSORS_CONF);
	return cpus > 0 ? static_cast<unsigned>(cpus) : 1;
}

std::string kernel_release()
{
	utsname name{};
	return uname(&name) == 0 ? name.release : "";
}

Result<void> check_kernel(const std::string &release)
{
	int major = 0;
	int minor = 0;
	if (std::sscanf(release.c_str(), "%d.%d", &major, &minor) == 2 &&
	    (major < least_major || (major == least_major && minor < least_minor))) {
		return fail(
			"kernel " + release, "is too old", 0,
			fmt::format("Linux {}.{} or newer is needed", least_major, least_minor));
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
		return fail("kernel " + release,
			    "has no type information at /sys/kernel/btf/vmlinux", errno,
			    "use a kernel built with CONFIG_DEBUG_INFO_BTF, with /sys mounted");
	}
	return {};
}

} // namespace prestack
