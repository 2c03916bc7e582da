// SPDX-License-Identifier: GPL-2.0-only
#include "chaos.hpp"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <queue>
#include <random>

#include "chaos.skel.h"
#include "system_error.hpp"
#include "wait.hpp"

namespace prestack::test
{

namespace
{

constexpr std::chrono::milliseconds stop_patience{50}; // how soon the holder sees that it is over
constexpr std::size_t largest_frame = 65'536;

UniqueFd open_tap(const std::string &name)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
	UniqueFd tap(check(::open("/dev/net/tun", flags), "open /dev/net/tun"));
	ifreq request{};
	std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
	// Without a virtio header: what is read here has its checksums filled in, segment by segment.
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	check(::ioctl(tap.get(), TUNSETIFF, &request), "make the tap " + name);
	return tap;
}

int index_of(const std::string &interface)
{
	const unsigned index = ::if_nametoindex(interface.c_str());
	if (index == 0)
		throw_errno("find interface " + interface);
	return static_cast<int>(index);
}

void check_bpf(int error, const std::string &what)
{
	if (error < 0) {
		errno = -error;
		throw_errno(what);
	}
}

bpf_tc_hook hook_of(int index, bpf_tc_attach_point where)
{
	bpf_tc_hook hook{};
	hook.sz = sizeof(hook);
	hook.ifindex = index;
	hook.attach_point = where;
	return hook;
}

void attach_tc(const std::string &interface, bpf_tc_attach_point where, const bpf_program *program)
{
	const bpf_tc_hook hook = hook_of(index_of(interface), where);
	bpf_tc_opts options{};
	options.sz = sizeof(options);
	options.prog_fd = ::bpf_program__fd(program);
	check_bpf(::bpf_tc_attach(&hook, &options), "attach chaos to " + interface);
}

// Both directions of an interface, as libbpf makes and removes them.
bpf_tc_hook hooks_of_both(const std::string &interface)
{
	return hook_of(index_of(interface),
		       static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
}

void make_hooks(const std::string &interface)
{
	bpf_tc_hook hook = hooks_of_both(interface);
	check_bpf(::bpf_tc_hook_create(&hook), "make the TC hooks of " + interface);
}

timespec until(Clock::time_point due)
{
	const auto left = std::max(due - Clock::now(), Clock::duration::zero());
	const auto bounded = std::min<Clock::duration>(left, stop_patience);
	return {0, std::chrono::nanoseconds(bounded).count()};
}

} // namespace

ChaosCounters &ChaosCounters::operator+=(const ChaosCounters &other)
{
	seen += other.seen;
	dropped += other.dropped;
	duplicated += other.duplicated;
	delayed += other.delayed;
	reordered += other.reordered;
	back += other.back;
	return *this;
}

Chaos::Chaos(const Netns &client, const std::string &interface, const ChaosOptions &options)
	: client_(client), interface_(interface), programs_(nullptr, chaos_bpf__destroy)
{
	open_detours(options);
	client_.in([this] { load(); });
	set(options.to_server, options.to_client);
	holder_ = std::thread([this] { hold(); });
	try {
		client_.in([this] { attach(); });
	} catch (...) {
		stop_ = true;
		holder_.join();
		throw;
	}
}

Chaos::~Chaos()
{
	try {
		client_.in([this] {
			bpf_tc_hook hook = hooks_of_both(interface_);
			::bpf_tc_hook_destroy(&hook);
		});
	} catch (const std::exception &) {
		// The interface is gone, and its programs with it.
	}
	stop_ = true;
	holder_.join();
}

void Chaos::open_detours(const ChaosOptions &options)
{
	for (int way = 0; way < CHAOS_WAYS; ++way) {
		for (int detour = 0; detour < CHAOS_DETOURS; ++detour) {
			const std::string name =
				"chaos" + std::to_string(way) + std::to_string(detour);
			detours_.push_back({name, client_.in([&] { return open_tap(name); }),
					    detour == CHAOS_LONG ? options.longest_delay
								 : options.longest_reorder});
			// It has nothing to say of its own.
			client_.sysctl("ipv6/conf/" + name + "/disable_ipv6", "1");
			client_.ip("link set " + name + " up");
		}
	}
}

void Chaos::load()
{
	programs_.reset(chaos_bpf__open());
	if (!programs_)
		throw_errno("open the chaos programs");
	programs_->rodata->interface = static_cast<std::uint32_t>(index_of(interface_));
	for (std::size_t i = 0; i < detours_.size(); ++i) {
		programs_->rodata->detour[i / CHAOS_DETOURS][i % CHAOS_DETOURS] =
			static_cast<std::uint32_t>(index_of(detours_[i].interface));
	}
	check_bpf(chaos_bpf__load(programs_.get()), "load the chaos programs");
}

void Chaos::attach()
{
	for (std::size_t i = 0; i < detours_.size(); ++i) {
		make_hooks(detours_[i].interface);
		attach_tc(detours_[i].interface, BPF_TC_INGRESS,
			  i / CHAOS_DETOURS == CHAOS_TO_SERVER ? programs_->progs.back_to_server
							       : programs_->progs.back_to_client);
	}
	make_hooks(interface_);
	attach_tc(interface_, BPF_TC_EGRESS, programs_->progs.chaos_to_server);
	attach_tc(interface_, BPF_TC_INGRESS, programs_->progs.chaos_to_client);
}

void Chaos::set(const ChaosRates &to_server, const ChaosRates &to_client)
{
	for (const auto &[way, rates] :
	     {std::pair{CHAOS_TO_SERVER, to_server}, std::pair{CHAOS_TO_CLIENT, to_client}}) {
		auto &rate = programs_->bss->rate[way];
		rate[CHAOS_DROP] = rates.drop;
		rate[CHAOS_DUPLICATE] = rates.duplicate;
		rate[CHAOS_DELAY] = rates.delay;
		rate[CHAOS_REORDER] = rates.reorder;
	}
}

ChaosCounters Chaos::counters(chaos_way way) const
{
	const volatile auto &count = programs_->bss->count[way];
	return {.seen = count[CHAOS_COUNT_SEEN],
		.dropped = count[CHAOS_DROP],
		.duplicated = count[CHAOS_DUPLICATE],
		.delayed = count[CHAOS_DELAY],
		.reordered = count[CHAOS_REORDER],
		.back = count[CHAOS_COUNT_BACK]};
}

// Keeps what comes out of the taps for a random time and writes it back.
void Chaos::hold()
{
	struct Held {
		Clock::time_point since;
		Clock::time_point due;
		std::size_t detour;
		std::string frame;
		bool operator<(const Held &other) const { return due > other.due; }
	};
	std::priority_queue<Held> held;
	std::mt19937 random(std::random_device{}());
	std::vector<char> frame(largest_frame);
	std::vector<pollfd> taps;
	for (const Detour &each : detours_)
		taps.push_back({each.tap.get(), POLLIN, 0});

	while (!stop_) {
		const timespec patience =
			until(held.empty() ? Clock::now() + stop_patience : held.top().due);
		::ppoll(taps.data(), taps.size(), &patience, nullptr);
		for (std::size_t i = 0; i < detours_.size(); ++i) {
			const auto longest = detours_[i].longest.count();
			std::uniform_int_distribution<std::int64_t> time(longest / 10, longest);
			for (;;) {
				const ssize_t size =
					::read(detours_[i].tap.get(), frame.data(), frame.size());
				if (size <= 0)
					break;
				const auto now = Clock::now();
				held.push({now, now + std::chrono::microseconds(time(random)), i,
					   std::string(frame.data(),
						       static_cast<std::size_t>(size))});
			}
		}
		while (!held.empty() && held.top().due <= Clock::now()) {
			const Held &next = held.top();
			longest_held_ =
				std::max(longest_held_.load(),
					 static_cast<std::int64_t>(
						 std::chrono::nanoseconds(Clock::now() - next.since)
							 .count()));
			// A full queue drops it: one more lost packet.
			[[maybe_unused]] const ssize_t written =
				::write(detours_[next.detour].tap.get(), next.frame.data(),
					next.frame.size());
			held.pop();
		}
	}
}

} // namespace prestack::test
