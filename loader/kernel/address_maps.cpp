// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/address_maps.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace prestack
{
namespace
{

constexpr std::array<std::uint8_t, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::size_t ports_size()
{
	const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
	return (sizeof(ps_ports) + page - 1) / page * page;
}

ps_address key_of(const Listening &place)
{
	ps_address key{};
	std::memcpy(key.addr, place.at.address.bytes.data(), sizeof key.addr);
	key.port = htons(place.at.port);
	key.transport = place.udp ? PS_TRANSPORT_UDP : PS_TRANSPORT_TCP;
	return key;
}

ps_local_prefix key_of(const IpPrefix &prefix)
{
	ps_local_prefix key{};
	key.length = prefix.mapped_length();
	std::memcpy(key.addr, prefix.address.bytes.data(), sizeof key.addr);
	return key;
}

Listening place_of(const ps_address &key)
{
	Listening place;
	auto &address = place.at.address;
	std::memcpy(address.bytes.data(), key.addr, sizeof key.addr);
	address.family = std::memcmp(address.bytes.data(), v4_mapped.data(), v4_mapped.size()) == 0
				 ? IpFamily::v4
				 : IpFamily::v6;
	place.at.port = ntohs(key.port);
	place.udp = key.transport == PS_TRANSPORT_UDP;
	return place;
}

Result<UniqueFd> duplicate(int fd)
{
	UniqueFd own(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	if (!own) {
		return fail("map of addresses", "duplicate the descriptor", errno);
	}
	return own;
}

Result<void> checked(int problem, const char *map, const char *operation)
{
	if (problem == 0) {
		return {};
	}
	return fail(std::string("map ") + map, operation, problem,
		    problem == -E2BIG || problem == -ENOSPC ? "it is full" : "");
}

} // namespace

IpAddress wildcard_of(IpFamily family)
{
	IpAddress address;
	address.family = family;
	if (family == IpFamily::v4) {
		std::memcpy(address.bytes.data(), v4_mapped.data(), v4_mapped.size());
	}
	return address;
}

void AddressMaps::Unmap::operator()(ps_ports *ports) const
{
	munmap(ports, ports_size());
}

Result<AddressMaps> AddressMaps::open(const CoreMaps &core)
{
	AddressMaps maps;
	const auto take = [](int fd, UniqueFd &out) {
		return duplicate(fd).map([&out](UniqueFd &&own) { out = std::move(own); });
	};
	auto taken = take(core.addresses, maps.addresses_)
			     .and_then([&] { return take(core.local_addresses, maps.local_); })
			     .and_then([&] { return take(core.links, maps.links_); })
			     .and_then([&] { return read_listening(maps.addresses_.get()); });
	if (!taken) {
		return tl::unexpected(taken.error());
	}
	maps.listening_ = std::move(*taken);
	void *memory =
		mmap(nullptr, ports_size(), PROT_READ | PROT_WRITE, MAP_SHARED, core.ports, 0);
	if (memory == MAP_FAILED) {
		return fail("map ps_ports", "mmap", errno);
	}
	maps.ports_.reset(static_cast<ps_ports *>(memory));
	return maps;
}

Result<void> AddressMaps::set_listening(const ListeningMap &wanted)
{
	for (const auto &[place, service] : wanted) {
		const auto known = listening_.find(place);
		if (known != listening_.end() && known->second == service) {
			continue;
		}
		const auto key = key_of(place);
		auto done = checked(bpf_map_update_elem(addresses_.get(), &key, &service, BPF_ANY),
				    "ps_addresses", "add an address");
		if (!done) {
			return done;
		}
		std::atomic_ref word(ports_->bit[place.at.port / 64]);
		word.fetch_or(std::uint64_t{1} << place.at.port % 64);
		changed_ = true;
	}
	for (const auto &[place, service] : listening_) {
		if (wanted.contains(place)) {
			continue;
		}
		const auto key = key_of(place);
		const int problem = bpf_map_delete_elem(addresses_.get(), &key);
		auto done = checked(problem == -ENOENT ? 0 : problem, "ps_addresses",
				    "remove an address");
		if (!done) {
			return done;
		}
		changed_ = true;
	}
	listening_ = wanted;
	return {};
}

void AddressMaps::forget_local_but(const std::set<IpPrefix> &prefixes)
{
	std::erase_if(local_prefixes_, [&](const IpPrefix &prefix) {
		if (prefixes.contains(prefix)) {
			return false;
		}
		const auto key = key_of(prefix);
		bpf_map_delete_elem(local_.get(), &key);
		return true;
	});
}

Result<void> AddressMaps::add_local(const std::set<IpPrefix> &prefixes)
{
	const std::uint32_t unused = 1;
	if (local_prefixes_.size() + prefixes.size() > PS_MAX_LOCAL_PREFIXES) {
		forget_local_but(prefixes);
	}
	for (const auto &prefix : prefixes) {
		if (local_prefixes_.contains(prefix)) {
			continue;
		}
		const auto key = key_of(prefix);
		auto done = checked(bpf_map_update_elem(local_.get(), &key, &unused, BPF_ANY),
				    "ps_local_addresses", "add an address");
		if (!done) {
			return done;
		}
		local_prefixes_.insert(prefix);
		changed_ = true;
	}
	return {};
}

Result<void> AddressMaps::set_links(const LinkScopes &wanted)
{
	if (wanted == link_scopes_) {
		return {};
	}
	for (const auto &[place, scope] : wanted) {
		const ps_link_key key{static_cast<__u32>(place.ifindex), place.vlan};
		const ps_link link{static_cast<__u32>(scope.vrf), static_cast<__u32>(scope.device)};
		auto done = checked(bpf_map_update_elem(links_.get(), &key, &link, BPF_ANY),
				    "ps_links", "add a link");
		if (!done) {
			return done;
		}
	}
	for (const auto &[place, scope] : link_scopes_) {
		if (!wanted.contains(place)) {
			const ps_link_key key{static_cast<__u32>(place.ifindex), place.vlan};
			bpf_map_delete_elem(links_.get(), &key);
		}
	}
	link_scopes_ = wanted;
	changed_ = true;
	return {};
}

void AddressMaps::commit()
{
	if (!changed_) {
		return;
	}
	changed_ = false;
	// 0 is what programs remember that have looked at nothing yet.
	std::atomic_ref generation(ports_->generation);
	if (generation.fetch_add(1) + 1 == 0) {
		generation.fetch_add(1);
	}
}

Result<ListeningMap> read_listening(int addresses)
{
	ListeningMap listening;
	ps_address key{};
	const ps_address *last = nullptr;
	ps_address next{};
	// Only the loader changes this map, so the walk ends.
	while (bpf_map_get_next_key(addresses, last, &next) == 0) {
		std::uint32_t service = PS_SERVICE_NONE;
		if (bpf_map_lookup_elem(addresses, &next, &service) == 0) {
			listening.emplace(place_of(next), service);
		}
		key = next;
		last = &key;
	}
	return listening;
}

} // namespace prestack
