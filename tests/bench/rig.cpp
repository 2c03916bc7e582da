// SPDX-License-Identifier: GPL-2.0-only
#include "rig.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>

#include "frames.hpp"
#include "loader/config/config.hpp"
#include "loader/config/geometry.hpp"
#include "loader/kernel/kernel_config.hpp"
#include "loader/kernel/service_maps.hpp"
#include "loader/plugin/registry.hpp"
#include "support/everywhere.hpp"
#include "support/expiry_questions.hpp"

namespace prestack::bench
{
namespace
{

constexpr std::uint32_t loopback_ifindex = 1; // where BPF_PROG_TEST_RUN says that frames come from
constexpr std::size_t frame_room = 2048;

Result<std::string> test_run(int program, const std::string &frame, std::uint32_t repeat,
			     std::uint32_t *verdict, std::uint32_t *duration)
{
	std::string out(frame_room, '\0');
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	opts.data_in = frame.data();
	opts.data_size_in = static_cast<std::uint32_t>(frame.size());
	opts.data_out = out.data();
	opts.data_size_out = static_cast<std::uint32_t>(out.size());
	opts.repeat = static_cast<int>(repeat);
	if (const int error = bpf_prog_test_run_opts(program, &opts); error != 0) {
		return fail("benchmark", "test run", error);
	}
	*verdict = opts.retval;
	*duration = opts.duration;
	out.resize(opts.data_size_out);
	return out;
}

ps_config make_config(const CacheConfig &cache, const Geometry &geometry)
{
	return make_kernel_config({
		.cache = cache,
		.geometry = geometry,
		.seed = {0x243f6a8885a308d3, 0x13198a2e03707344},
		.plugin_slots = {0},
		.trust_sender = true,
	});
}

const PluginInfo *find_plugin(std::string_view name)
{
	for (const auto &plugin : plugins()) {
		if (plugin.name == name) {
			return &plugin;
		}
	}
	return nullptr;
}

} // namespace

Result<std::unique_ptr<Rig>> Rig::create(std::uint32_t ways)
{
	if (unshare(CLONE_NEWNET) != 0) {
		return fail("benchmark", "enter a network namespace of its own", errno,
			    "run it as root");
	}
	std::unique_ptr<Rig> rig(new Rig);
	auto ready = rig->make_veth().and_then([&] { return rig->load(ways); }).and_then([&] {
		return rig->fill();
	});
	if (!ready) {
		return tl::unexpected(ready.error());
	}
	return rig;
}

Result<void> Rig::make_veth()
{
	const char *commands = "ip link set lo up && ip link add psb0 type veth peer name psb1 && "
			       "ip link set psb0 address 02:00:00:00:00:01 up && ip link set psb1 "
			       "address 02:00:00:00:00:02 up";
	if (std::system(commands) !=
	    0) { // NOLINT(cert-env33-c,concurrency-mt-unsafe): one thread, fixed text
		return fail("benchmark", "make a veth pair");
	}
	server_ifindex_ = static_cast<int>(if_nametoindex("psb0"));
	client_ifindex_ = static_cast<int>(if_nametoindex("psb1"));
	return {};
}

Result<void> Rig::load(std::uint32_t ways)
{
	CacheConfig cache;
	cache.associativity = ways;
	cache.settle = std::chrono::nanoseconds{0};
	const auto geometry = plan_geometry(cache);
	const auto *plugin = find_plugin("memcached");
	if (!geometry || plugin == nullptr) {
		return fail("benchmark", "plan the cache");
	}
	bytes_per_item_ = geometry->bytes_per_small_item();
	auto objects = Objects::load(make_config(cache, *geometry), *geometry, {plugin});
	if (!objects) {
		return tl::unexpected(objects.error());
	}
	objects_ = std::move(*objects);
	auto maps = ServiceMaps::open(objects_.maps().service_conf, objects_.maps().service_state);
	if (!maps) {
		return tl::unexpected(maps.error());
	}
	auto told = AddressMaps::open(objects_.maps()).and_then([](AddressMaps &&addresses) {
		return prestack::test::listen_everywhere(addresses, port);
	});
	if (!told) {
		return told;
	}
	ps_service_conf conf{};
	conf.flags = PS_SERVICE_UDP;
	conf.mtu = PS_MAX_MTU;
	conf.nr_allow = 1;
	const std::uint32_t mapped = htonl(0xffff);
	conf.allow[0].mask[1] = mapped; // ::ffff:0:0/96
	conf.allow[0].addr[1] = mapped;
	maps->bump_epoch(0);
	maps->keep_alive(0, std::chrono::hours(24 * 365));
	if (auto published = maps->publish(0, conf); !published) {
		return published;
	}

	frames_.reset(bench_frames_bpf__open_and_load());
	naive_.reset(naive_bpf__open_and_load());
	if (!frames_ || !naive_) {
		return fail("benchmark", "load its programs", errno);
	}
	const std::uint32_t zero = 0;
	const int copy = bpf_program__fd(naive_->progs.naive_copy);
	bpf_map_update_elem(bpf_map__fd(naive_->maps.naive_progs), &zero, &copy, BPF_ANY);
	const int targets[BENCH_TARGETS] = {bpf_program__fd(frames_->progs.bench_echo),
					    objects_.programs().xdp,
					    bpf_program__fd(naive_->progs.naive_get)};
	for (std::uint32_t i = 0; i < BENCH_TARGETS; i++) {
		if (const int error = bpf_map_update_elem(bpf_map__fd(frames_->maps.bench_progs),
							  &i, &targets[i], BPF_ANY);
		    error != 0) {
			return fail("benchmark", "fill its program array", error);
		}
	}
	return {};
}

// The caches are filled the way that traffic fills them: a miss, and the server's reply.
Result<void> Rig::fill()
{
	zipf_ = draw_zipf(BENCH_KEYS, 0.99);
	const auto add_naive = [&](std::uint32_t number) {
		struct Entry {
			std::uint32_t lock, hash;
			std::uint16_t len;
			std::uint8_t valid;
			std::uint8_t data[1300];
		} entry{};
		std::uint32_t hash = 2166136261U;
		for (const char c : key_name(number)) {
			hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
		}
		const auto text = reply_text(number);
		entry.hash = hash;
		entry.len = static_cast<std::uint16_t>(text.size());
		entry.valid = 1;
		std::memcpy(entry.data, text.data(), text.size());
		const std::uint32_t slot = hash % (1U << 18U);
		bpf_map_update_elem(bpf_map__fd(naive_->maps.naive_cache), &slot, &entry, BPF_ANY);
	};
	std::uint32_t verdict = 0;
	std::uint32_t duration = 0;
	for (std::uint32_t i = 0; i < BENCH_KEYS; i++) {
		// Key 1 last: it has to be there, and without ways any other may push it out.
		const std::uint32_t number = (i + 2) % BENCH_KEYS;
		const auto request = request_frame(number);
		bench_frame frame{};
		std::memcpy(&frame, request.data(), request.size());
		bpf_map_update_elem(bpf_map__fd(frames_->maps.bench_requests), &number, &frame,
				    BPF_ANY);
		// Two rounds: the first reply only proves the path.
		for (int round = 0; round < (i == 0 ? 2 : 1); round++) {
			auto forwarded =
				test_run(objects_.programs().xdp, request, 1, &verdict, &duration);
			auto answered = test_run(objects_.programs().tc_egress, reply_frame(number),
						 1, &verdict, &duration);
			if (!forwarded || !answered) {
				return fail("benchmark", "fill the cache", EIO);
			}
		}
		// Before the ring of questions is full, and at the end.
		if (i % 256 == 0 || i + 2 >= BENCH_KEYS) {
			if (auto taken = prestack::test::answer_expiry_questions(objects_);
			    !taken) {
				return tl::unexpected(taken.error());
			}
		}
		add_naive(number);
	}
	// One key hot enough to be in every cache, and known to be there.
	auto hit = test_run(objects_.programs().xdp, request_frame(1), 1, &verdict, &duration);
	if (!hit || verdict != XDP_TX || hit->substr(BENCH_HEADERS + 8) != reply_text(1)) {
		return fail("benchmark", "get a hit after filling", EIO);
	}
	reply_size_ = static_cast<std::uint32_t>(hit->size());
	return {};
}

void Rig::choose(Workload workload)
{
	std::vector<std::uint32_t> order(BENCH_ORDER, 1);
	if (workload == Workload::zipf) {
		order = zipf_;
	}
	const std::uint32_t zero = 0;
	bpf_map_update_elem(bpf_map__fd(frames_->maps.bench_order), &zero, order.data(), BPF_ANY);
	// A miss asks for a key that was never filled, in the place of key 1.
	const auto request = request_frame(workload == Workload::missing ? BENCH_KEYS + 1 : 1);
	bench_frame frame{};
	std::memcpy(&frame, request.data(), request.size());
	const std::uint32_t one = 1;
	bpf_map_update_elem(bpf_map__fd(frames_->maps.bench_requests), &one, &frame, BPF_ANY);
}

Result<double> Rig::run(bench_target target, Workload workload, std::uint32_t verdict,
			std::uint32_t repeat)
{
	choose(workload);
	frames_->bss->bench_next = 0;
	frames_->bss->bench_grown = 0;
	frames_->bss->bench_target = target;
	std::uint32_t got = 0;
	std::uint32_t duration = 0;
	auto done = test_run(bpf_program__fd(frames_->progs.bench_wrapper), request_frame(1),
			     repeat, &got, &duration);
	if (!done) {
		return tl::unexpected(done.error());
	}
	if (verdict == any_verdict ? got == XDP_ABORTED : got != verdict) {
		return fail("benchmark", fmt::format("get verdict {}, not {}", verdict, got), EIO);
	}
	return duration;
}

Result<Rig::Live> Rig::live(bench_target target, Workload workload, std::uint32_t frames)
{
	choose(workload);
	const int targets[BENCH_TARGETS] = {bpf_program__fd(frames_->progs.bench_echo),
					    objects_.programs().xdp,
					    bpf_program__fd(naive_->progs.naive_get)};
	if (bpf_xdp_attach(server_ifindex_, targets[target], XDP_FLAGS_DRV_MODE, nullptr) != 0 ||
	    bpf_xdp_attach(client_ifindex_, bpf_program__fd(frames_->progs.bench_sink),
			   XDP_FLAGS_DRV_MODE, nullptr) != 0) {
		return fail("benchmark", "attach to the veth pair", errno);
	}
	if (target == BENCH_PRESTACK) {
		// The path of the live frames, proven by a reply that passes egress there.
		auto maps = ServiceMaps::open(objects_.maps().service_conf,
					      objects_.maps().service_state);
		__sk_buff context{};
		context.ifindex = static_cast<std::uint32_t>(server_ifindex_);
		const auto reply = reply_frame(1);
		LIBBPF_OPTS(bpf_test_run_opts, opts);
		opts.data_in = reply.data();
		opts.data_size_in = static_cast<std::uint32_t>(reply.size());
		opts.ctx_in = &context;
		opts.ctx_size_in = sizeof(context);
		if (const int error = bpf_prog_test_run_opts(objects_.programs().tc_egress, &opts);
		    error != 0) {
			return fail("benchmark", "prove the path", error);
		}
	}
	frames_->bss->bench_replies = 0;
	frames_->bss->bench_others = 0;
	frames_->bss->bench_next = 0;
	frames_->bss->bench_grown = 0;
	frames_->bss->bench_sink_size = target == BENCH_ECHO ? BENCH_REQUEST : reply_size_;
	const auto request = request_frame(1);
	xdp_md context{};
	context.data_end = static_cast<std::uint32_t>(request.size());
	context.ingress_ifindex = static_cast<std::uint32_t>(client_ifindex_);
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	opts.data_in = request.data();
	opts.data_size_in = static_cast<std::uint32_t>(request.size());
	opts.ctx_in = &context;
	opts.ctx_size_in = sizeof(context);
	opts.repeat = static_cast<int>(frames);
	opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	opts.batch_size = 64;
	timespec begin{};
	timespec end{};
	clock_gettime(CLOCK_MONOTONIC, &begin);
	const int error =
		bpf_prog_test_run_opts(bpf_program__fd(frames_->progs.bench_generator), &opts);
	clock_gettime(CLOCK_MONOTONIC, &end);
	bpf_xdp_detach(server_ifindex_, XDP_FLAGS_DRV_MODE, nullptr);
	bpf_xdp_detach(client_ifindex_, XDP_FLAGS_DRV_MODE, nullptr);
	if (error != 0) {
		return fail("benchmark", "run live frames", error);
	}
	const double seconds = static_cast<double>(end.tv_sec - begin.tv_sec) +
			       1e-9 * static_cast<double>(end.tv_nsec - begin.tv_nsec);
	Live live;
	live.sent = frames;
	live.replies = frames_->bss->bench_replies;
	live.replies_per_second = static_cast<double>(live.replies) / seconds;
	return live;
}

} // namespace prestack::bench
