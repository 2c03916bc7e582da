// SPDX-License-Identifier: GPL-2.0-only
// What a packet costs, in nanoseconds, for the table. Nothing is asserted about time: machines are
// shared and differ.
#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>

#include <prestack/types.h>

#include "fixture.hpp"
#include "measure.h"
#include "measure.skel.h"
#include "report.hpp"

namespace prestack::test
{

namespace
{

constexpr std::uint32_t kRepeat = 50000;
constexpr int kRounds = 7; // the least of them counts: noise only adds
constexpr int kPass = 2;
constexpr int kTransmit = 3;

class Cost : public Conformance
{
protected:
	Cost() : skeleton_(measure_bpf__open_and_load(), measure_bpf__destroy)
	{
		if (!skeleton_)
			throw std::runtime_error("cannot load the wrapper");
	}
	void TearDown() override {} // no yes or no

	// Nanoseconds per packet that holds `payload`; `verdict` is what it must end with.
	std::uint32_t measure(const std::string &payload, int verdict)
	{
		Packet packet = client_;
		packet.payload = payload;
		const std::string frame = packet.bytes();
		measure_packet restored{};
		restored.len = static_cast<__u32>(frame.size());
		std::memcpy(restored.bytes, frame.data(),
			    std::min<std::size_t>(frame.size(), MEASURE_SIZE));
		const std::uint32_t zero = 0;
		EXPECT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.measure_packet), &zero,
					      &restored, BPF_ANY),
			  0);
		const auto with = fastest(datapath_.programs().xdp, frame, verdict);
		const auto without =
			fastest(bpf_program__fd(skeleton_->progs.measure_floor), frame, kTransmit);
		return with > without ? with - without : 0;
	}

private:
	std::uint32_t fastest(int target, const std::string &frame, int verdict)
	{
		const std::uint32_t zero = 0;
		EXPECT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.measure_target), &zero,
					      &target, BPF_ANY),
			  0);
		std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
		for (int round = 0; round < kRounds; ++round) {
			const Outcome outcome = Datapath::run(
				bpf_program__fd(skeleton_->progs.measure_wrapper), frame, kRepeat);
			EXPECT_EQ(outcome.verdict, verdict);
			least = std::min(least, outcome.nanoseconds);
		}
		return least;
	}

	std::unique_ptr<measure_bpf, decltype(&measure_bpf__destroy)> skeleton_;
};

TEST_P(Cost, OfAPacket)
{
	// Of a segment it depends on the connection: tests/bench measures that.
	if (!dialect().has_datagrams())
		return;
	const std::string_view plugin = dialect().plugin();
	const auto row = [&](const std::string &what, const std::string &payload, int verdict) {
		report(plugin, "ns per " + what + " (key 16, value 32 bytes)",
		       std::to_string(measure(payload, verdict)));
	};
	const Item cached{key("0123456789abcdef"), long_value(32), 0};
	const std::string other = key("0123456789abcdex");
	ensure(cached);
	row("hit", dialect().read(next_request(), {cached.key}), kTransmit);
	row("miss", dialect().read(next_request(), {other}), kPass);
	if (const auto writes = dialect().writes(other); !writes.empty())
		row("write", writes.front().payload, kPass);
}

INSTANTIATE_TEST_SUITE_P(Costs, Cost, testing::ValuesIn(dialects()), dialect_name);

} // namespace

} // namespace prestack::test
