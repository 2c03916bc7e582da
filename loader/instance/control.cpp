// SPDX-License-Identifier: GPL-2.0-only
#include "instance/control.hpp"

#include <atomic>
#include <cerrno>
#include <fstream>
#include <limits>
#include <string>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/instance_dir.hpp"
#include "kernel/libbpf_options.hpp"
#include "kernel/pin_names.hpp"

namespace prestack
{
namespace
{

std::string object_name()
{
	return std::string("map ") + pin::control;
}

// All words are in the one page that is mapped.
static_assert(sizeof(Control::Words) <= 4096);

std::size_t mapped_size()
{
	return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t now()
{
	return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
					  std::chrono::nanoseconds{1});
}

template <typename Word>
auto load(Word &word)
{
	return std::atomic_ref(word).load();
}

} // namespace

void Control::Unmap::operator()(Words *words) const
{
	munmap(words, mapped_size());
}

Result<Control> Control::create()
{
	auto options = libbpf_options<bpf_map_create_opts>();
	options.map_flags = BPF_F_MMAPABLE;
	UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, pin::control, sizeof(__u32), sizeof(Words),
				    1, &options));
	if (!map) {
		return fail(object_name(), "create", errno, errno == EPERM ? "run as root" : "");
	}
	return open(std::move(map));
}

Result<Control> Control::open(UniqueFd map)
{
	void *words =
		mmap(nullptr, mapped_size(), PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
	if (words == MAP_FAILED) {
		return fail(object_name(), "mmap", errno);
	}
	return Control(std::move(map), static_cast<Words *>(words));
}

StopOrder Control::order() const
{
	return load(words_->order);
}

std::chrono::nanoseconds Control::timeout() const
{
	return std::chrono::nanoseconds(load(words_->timeout));
}

void Control::give(StopOrder order, std::chrono::nanoseconds timeout)
{
	std::atomic_ref(words_->timeout).store(static_cast<std::uint64_t>(timeout.count()));
	std::atomic_ref(words_->order).store(order);
}

Control::Words Control::read() const
{
	Words words;
	words.state = load(words_->state);
	words.spliced = load(words_->spliced);
	words.reset = load(words_->reset);
	words.errnum = load(words_->errnum);
	return words;
}

void Control::beat()
{
	std::atomic_ref(words_->beat).store(now());
}

std::chrono::nanoseconds Control::silence() const
{
	const auto beat = load(words_->beat);
	const auto time = now();
	// A loader of a version before this one does not say.
	return std::chrono::nanoseconds(beat != 0 && time > beat ? time - beat : 0);
}

void Control::add(Act act, std::uint64_t service)
{
	const auto number = std::atomic_ref(words_->recorded).fetch_add(1);
	Record &record = words_->record[number % records];
	std::atomic_ref(record.number).store(0);
	record.what = {act, service, ourselves()};
	std::atomic_ref(record.number).store(number + 1);
}

std::pair<std::uint64_t, std::vector<ActRecord>> Control::take_new()
{
	std::pair<std::uint64_t, std::vector<ActRecord>> taken;
	auto &[lost, acts] = taken;
	const auto recorded = load(words_->recorded);
	if (recorded - seen_ > records) {
		lost = recorded - seen_ - records;
		seen_ = recorded - records;
	}
	for (; seen_ < recorded; ++seen_) {
		Record &record = words_->record[seen_ % records];
		if (std::atomic_ref(record.number).load() < seen_ + 1) {
			break; // it is being written: the next time
		}
		acts.push_back(record.what);
	}
	return taken;
}

void Control::set_state(StopState state, std::uint64_t spliced, std::uint64_t reset, int errnum)
{
	std::atomic_ref(words_->spliced).store(spliced);
	std::atomic_ref(words_->reset).store(reset);
	std::atomic_ref(words_->errnum).store(static_cast<std::uint64_t>(errnum));
	std::atomic_ref(words_->state).store(state);
}

std::optional<std::chrono::nanoseconds> hangs_for(const InstanceView &view)
{
	if (!view.alive) {
		return std::nullopt;
	}
	const auto control = view.open(pin::control).and_then([](UniqueFd &&map) {
		return Control::open(std::move(map));
	});
	if (!control || control->silence() <= hung_after) {
		return std::nullopt;
	}
	return control->silence();
}

Failure hung(const InstanceView &view, std::chrono::nanoseconds silence)
{
	return fail(
		fmt::format("instance \"{}\"", view.name),
		fmt::format("hangs: its loader (process {}) has shown no sign of life for {} s; "
			    "nothing is served from the kernel, the servers answer",
			    view.description.value("pid", 0),
			    std::chrono::duration_cast<std::chrono::seconds>(silence).count()),
		0,
		fmt::format("if it was stopped, `kill -CONT` lets it go on; `prestack stop --now "
			    "--name {}` ends it",
			    view.name));
}

Asker ourselves()
{
	Asker asker{getuid(), std::numeric_limits<std::uint32_t>::max(),
		    static_cast<std::uint64_t>(getpid())};
	std::ifstream("/proc/self/loginuid") >> asker.login;
	return asker;
}

std::string to_string(const Asker &asker)
{
	const bool known = asker.login != std::numeric_limits<std::uint32_t>::max();
	return fmt::format("uid {}{}, process {}", asker.uid,
			   known ? fmt::format(" (login uid {})", asker.login) : std::string(),
			   asker.pid);
}

} // namespace prestack
