// SPDX-License-Identifier: GPL-2.0-only
// The server's TCP notices nothing odd: it counts as many retransmitted, reordered and late segments
// as without prestack.
#include "kernel_counters.hpp"

#include <chrono>

#include "fixture.hpp"
#include "support/tcp_client.hpp"
#include "support/wait.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned connections = 300;
constexpr int attempts = 3; // a busy machine makes retransmissions of its own

// What a connection without losses does not do.
constexpr const char *odd[] = {
	"TcpRetransSegs",
	"TcpInErrs",
	"TcpOutRsts",
	"TcpInCsumErrors",
	"TcpExtTCPLossProbes",
	"TcpExtTCPTimeouts",
	"TcpExtTCPSpuriousRTOs",
	"TcpExtTCPFastRetrans",
	"TcpExtTCPSlowStartRetrans",
	"TcpExtTCPLostRetransmit",
	"TcpExtTCPDSACKOldSent",
	"TcpExtTCPDSACKOfoSent",
	"TcpExtTCPDSACKRecv",
	"TcpExtTCPDSACKOfoRecv",
	"TcpExtTCPDSACKIgnoredOld",
	"TcpExtTCPDSACKIgnoredNoUndo",
	"TcpExtTCPSACKDiscard",
	"TcpExtTCPSACKReneging",
	"TcpExtTCPOFOQueue",
	"TcpExtTCPOFODrop",
	"TcpExtTCPOFOMerge",
	"TcpExtOfoPruned",
	"TcpExtTCPACKSkippedSynRecv",
	"TcpExtTCPACKSkippedPAWS",
	"TcpExtTCPACKSkippedSeq",
	"TcpExtTCPACKSkippedFinWait2",
	"TcpExtTCPACKSkippedTimeWait",
	"TcpExtTCPACKSkippedChallenge",
	"TcpExtTCPChallengeACK",
	"TcpExtTCPSYNChallenge",
	"TcpExtPAWSActive",
	"TcpExtPAWSEstab",
	"TcpExtTCPAbortOnTimeout",
	"TcpExtTCPAbortFailed",
	"TcpExtTCPAbortOnData",
	"TcpExtTCPBacklogDrop",
	"TcpExtTCPRcvQDrop",
	"TcpExtTCPZeroWindowDrop",
};

class Kernel : public TcpReads
{
protected:
	struct Run {
		KernelCounters server;
		std::uint64_t replies = 0;
		std::uint64_t stream_hits = 0;
	};

	static Run run(bool with_prestack)
	{
		const TcpTestbed testbed({.with_prestack = with_prestack});
		const auto scripts = testbed.record(test_seed(), 40'000, connections,
						    {.most = 20'000, .resets = false});
		Run result;
		for (const RecordedScript &recorded : scripts)
			result.replies += recorded.due.size() - 1;
		const KernelCounters before = kernel_counters(testbed.server_ns());
		expect_all_complete(testbed.run_scripts(scripts, {.at_a_time = 8}), scripts.size());
		result.server = growth(before, kernel_counters(testbed.server_ns()));
		result.stream_hits = testbed.counter("stream_hits");
		if (with_prestack)
			print_counters(testbed);
		return result;
	}

	// What has grown too much, "" if nothing.
	static std::string odder(const Run &with, const Run &without)
	{
		std::string text;
		for (const char *name : odd) {
			const auto has = with.server.find(name);
			if (has == with.server.end())
				continue; // this kernel does not count it
			const std::uint64_t right = without.server.at(name);
			if (has->second > right + with.replies / 1'000)
				text += std::string(name) + " " + std::to_string(has->second) +
					" instead of " + std::to_string(right) + "\n";
		}
		return text;
	}
};

TEST_F(Kernel, TheServersTcpNoticesNothing)
{
	std::string found;
	for (int i = 0; i < attempts; ++i) {
		const Run without = run(false);
		const Run with = run(true);
		ASSERT_GT(with.replies, 1'000U);
		// Really compared: both have counted segments.
		EXPECT_GT(without.server.at("TcpInSegs"), with.replies / 10);
		EXPECT_GT(with.server.at("TcpInSegs"), with.replies / 20);
		EXPECT_GT(with.stream_hits, with.replies / 20);
		found = odder(with, without);
		if (found.empty())
			break;
		std::cout << "TCP attempt " << i << ": " << found << std::endl;
	}
	EXPECT_EQ(found, "");
}

// The segment that acknowledges the server's last reply is the first one that is answered here. If the server
// did not get that acknowledgement some other way, it would send the reply again, after 200 ms.
TEST_F(Kernel, TheServerGetsItsAcknowledgementWhileTheKernelAnswers)
{
	constexpr unsigned rounds = 10;
	const TcpTestbed testbed;
	TcpClient client(testbed.client_ns(), testbed.server());
	ASSERT_EQ(client.ask("set key 0 0 5\r\nvalue\r\n"), "STORED\r\n");
	const std::string hit = "VALUE key 0 5\r\nvalue\r\nEND\r\n";
	ASSERT_TRUE(eventually([&] {
		EXPECT_EQ(client.ask("get key\r\n"), hit);
		return testbed.counter("stream_hits") > 0;
	}));
	const std::uint64_t acks = testbed.counter("stream_acks");
	const KernelCounters before = kernel_counters(testbed.server_ns());
	for (unsigned i = 0; i < rounds; ++i) {
		ASSERT_EQ(client.ask("get absent\r\n"), "END\r\n");
		const auto end = std::chrono::steady_clock::now() + Milliseconds{400};
		while (std::chrono::steady_clock::now() < end)
			ASSERT_EQ(client.ask("get key\r\n"), hit);
	}
	/* A client that was late has acknowledged by itself: then there is nothing to hand over. */
	EXPECT_GE(testbed.counter("stream_acks"), acks + rounds / 2);
	const KernelCounters grown = growth(before, kernel_counters(testbed.server_ns()));
	/* A busy machine may be late now and then. */
	for (const char *name : {"TcpRetransSegs", "TcpExtTCPLossProbes"})
		EXPECT_LE(grown.at(name), rounds / 4) << name;
}

} // namespace
} // namespace prestack::test
