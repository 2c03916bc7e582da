// SPDX-License-Identifier: GPL-2.0-only
// The bad network itself does what it counts, and breaks nothing else.
#include "support/chaos.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "support/endpoint.hpp"
#include "support/process.hpp"
#include "support/system_error.hpp"
#include "support/veth.hpp"
#include "support/wait.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint16_t port = 7000;
constexpr unsigned certain = CHAOS_CERTAIN;
constexpr unsigned datagrams = 2'000;
constexpr int quiet_ms = 400; // longer than anything is held

// A client and a server on a link, without prestack.
class Wire : public testing::Test
{
protected:
	static void SetUpTestSuite() { Netns::remove_leftovers(); }

	Wire() : server_("server"), client_("client"), link_(server_, client_, {})
	{
		link_.server_address("10.0.0.1/24");
		link_.client_address("10.0.0.2/24");
	}

	static UniqueFd bound(const Netns &ns, int type, const Endpoint &local)
	{
		return ns.in([&] {
			UniqueFd fd(check(::socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
			// The last round's connection may still be closing: its FIN was lost.
			const int on = 1;
			check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
			      "SO_REUSEADDR");
			check(::bind(fd.get(), local.address(), local.size()), "bind");
			const int room = 4 << 20;
			::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
			return fd;
		});
	}

	// Numbers 0.. sent from one end, each as a datagram of its own, with some padding.
	static void send_sequence(int from, const Endpoint &to)
	{
		for (unsigned i = 0; i < datagrams; ++i) {
			std::string text = std::to_string(i);
			text.resize(10 + i % 1'200, 'x');
			check(::sendto(from, text.data(), text.size(), 0, to.address(), to.size()),
			      "sendto");
			// Slower than the packets that are to be overtaken are held, on average.
			if (i % 20 == 19)
				std::this_thread::sleep_for(std::chrono::milliseconds{1});
		}
	}

	// What arrives until nothing has for a while.
	static std::vector<unsigned> receive_sequence(int at)
	{
		std::vector<unsigned> numbers;
		std::array<char, 2048> buffer;
		for (;;) {
			pollfd ready{at, POLLIN, 0};
			if (::poll(&ready, 1, quiet_ms) <= 0)
				return numbers;
			const ssize_t size = ::recv(at, buffer.data(), buffer.size(), MSG_DONTWAIT);
			if (size <= 0)
				continue;
			const auto length = static_cast<std::size_t>(size);
			const unsigned number = static_cast<unsigned>(
				std::stoul(std::string(buffer.data(), length)));
			EXPECT_EQ(length, 10 + number % 1'200) << "a datagram was cut";
			numbers.push_back(number);
		}
	}

	static std::size_t distinct(std::vector<unsigned> numbers)
	{
		std::ranges::sort(numbers);
		return static_cast<std::size_t>(std::ranges::unique(numbers).begin() -
						numbers.begin());
	}

	// Neighbours that a smaller number follows.
	static std::ptrdiff_t inversions(const std::vector<unsigned> &numbers)
	{
		std::ptrdiff_t count = 0;
		for (std::size_t i = 1; i < numbers.size(); ++i)
			count += numbers[i] < numbers[i - 1] ? 1 : 0;
		return count;
	}

	// Datagrams with a wrong checksum that this end has thrown away.
	static std::uint64_t checksum_errors(const Netns &ns)
	{
		const std::string text =
			run_ok({.argv = {"cat", "/proc/net/snmp"}, .netns_fd = ns.fd()}).output;
		std::istringstream lines(text);
		std::string names;
		std::uint64_t errors = 0;
		for (std::string line; std::getline(lines, line);) {
			if (!line.starts_with("Udp:") && !line.starts_with("Tcp:"))
				continue;
			if (names.empty()) {
				names = line;
				continue;
			}
			const auto name = words(names);
			const auto value = words(line);
			for (std::size_t i = 0; i < name.size(); ++i)
				errors += name[i] == "InCsumErrors" ? std::stoull(value[i]) : 0;
			names.clear();
		}
		return errors;
	}

	// Sends the sequence in one direction or the other and returns what arrived.
	std::vector<unsigned> through(bool to_server)
	{
		const Endpoint server("10.0.0.1", port);
		const Endpoint client("10.0.0.2", port);
		const Netns &far = to_server ? server_ : client_;
		const UniqueFd at = bound(far, SOCK_DGRAM, to_server ? server : client);
		const UniqueFd from = bound(to_server ? client_ : server_, SOCK_DGRAM,
					    to_server ? client : server);
		std::vector<unsigned> numbers;
		std::thread receiver([&] { numbers = receive_sequence(at.get()); });
		send_sequence(from.get(), to_server ? server : client);
		receiver.join();
		EXPECT_EQ(checksum_errors(far), 0U);
		return numbers;
	}

	ChaosCounters counters(const Chaos &chaos, bool to_server) const
	{
		EXPECT_EQ((to_server ? chaos.to_client() : chaos.to_server()).seen, 0U)
			<< "the wrong direction";
		return to_server ? chaos.to_server() : chaos.to_client();
	}

	// What a connection through the wire receives of `sent`.
	std::string streamed(const std::string &sent)
	{
		const Endpoint server("10.0.0.1", port);
		const UniqueFd listener = bound(server_, SOCK_STREAM, server);
		check(::listen(listener.get(), 1), "listen");
		std::string received;
		std::thread receiver([&] {
			const UniqueFd peer(::accept(listener.get(), nullptr, nullptr));
			std::array<char, 65'536> chunk;
			ssize_t size = 0;
			while ((size = ::recv(peer.get(), chunk.data(), chunk.size(), 0)) > 0)
				received.append(chunk.data(), static_cast<std::size_t>(size));
		});
		{
			const UniqueFd client =
				bound(client_, SOCK_STREAM, Endpoint("10.0.0.2", 0));
			check(::connect(client.get(), server.address(), server.size()), "connect");
			for (std::size_t done = 0; done < sent.size();) {
				const std::size_t piece =
					std::min<std::size_t>(sent.size() - done, 20'000);
				done += static_cast<std::size_t>(
					check(::send(client.get(), sent.data() + done, piece,
						     MSG_NOSIGNAL),
					      "send"));
			}
		}
		receiver.join();
		return received;
	}

	Netns server_;
	Netns client_;
	VethPair link_;
};

class Direction : public Wire, public testing::WithParamInterface<bool>
{
protected:
	bool to_server() const { return GetParam(); }

	Chaos with(const ChaosRates &rates)
	{
		return Chaos(client_, "veth0", {.to_server = rates, .to_client = rates});
	}
};

TEST_P(Direction, WithoutProbabilitiesNothingHappens)
{
	const Chaos chaos = with({});
	const auto numbers = through(to_server());
	EXPECT_EQ(numbers.size(), datagrams);
	EXPECT_EQ(inversions(numbers), 0);
	EXPECT_EQ(counters(chaos, to_server()).seen, datagrams);
}

TEST_P(Direction, DropsAsManyAsItCounts)
{
	const Chaos chaos = with({.drop = 100});
	const auto numbers = through(to_server());
	const ChaosCounters counted = counters(chaos, to_server());
	EXPECT_GT(counted.dropped, datagrams / 20);
	EXPECT_LT(counted.dropped, datagrams / 5);
	EXPECT_EQ(numbers.size(), datagrams - counted.dropped);
	EXPECT_EQ(inversions(numbers), 0);
}

TEST_P(Direction, DropsEverythingIfTold)
{
	const Chaos chaos = with({.drop = certain});
	EXPECT_TRUE(through(to_server()).empty());
}

TEST_P(Direction, DuplicatesSomeOfThemLate)
{
	const Chaos chaos = with({.duplicate = 100});
	const auto numbers = through(to_server());
	const ChaosCounters counted = counters(chaos, to_server());
	EXPECT_GT(counted.duplicated, datagrams / 20);
	EXPECT_EQ(numbers.size(), datagrams + counted.duplicated);
	EXPECT_EQ(distinct(numbers), datagrams);
	EXPECT_GT(counted.back, 0U) << "no copy was late";
	EXPECT_LT(counted.back, counted.duplicated) << "no copy came at once";
	EXPECT_GT(inversions(numbers), 0);
}

TEST_P(Direction, DelaysAndLosesNothing)
{
	const Chaos chaos = with({.delay = 100});
	const auto numbers = through(to_server());
	const ChaosCounters counted = counters(chaos, to_server());
	EXPECT_GT(counted.delayed, datagrams / 20);
	EXPECT_EQ(counted.back, counted.delayed);
	EXPECT_EQ(numbers.size(), datagrams);
	EXPECT_EQ(distinct(numbers), datagrams);
	EXPECT_GT(inversions(numbers), 0);
	EXPECT_GT(chaos.longest_held(), std::chrono::milliseconds{10});
}

TEST_P(Direction, ReordersWithinFewPackets)
{
	const Chaos chaos = with({.reorder = 100});
	const auto numbers = through(to_server());
	const ChaosCounters counted = counters(chaos, to_server());
	EXPECT_GT(counted.reordered, datagrams / 20);
	EXPECT_EQ(counted.back, counted.reordered);
	EXPECT_EQ(distinct(numbers), datagrams);
	EXPECT_GT(inversions(numbers), 0);
}

INSTANTIATE_TEST_SUITE_P(Both, Direction, testing::Values(true, false),
			 [](const auto &each) { return each.param ? "ToServer" : "ToClient"; });

TEST_F(Wire, ATcpStreamArrivesWholeAndInOrder)
{
	constexpr unsigned rounds = 50;
	Chaos chaos(client_, "veth0",
		    {.to_server = ChaosRates::all(30), .to_client = ChaosRates::all(30)});
	std::string sent;
	for (unsigned i = 0; sent.size() < 1'000'000; ++i)
		sent += std::to_string(i) + " ";
	ChaosCounters all{};
	// Segments of 64 KiB are few: until each has happened to one of them.
	for (unsigned round = 0; round < rounds; ++round) {
		const std::string received = streamed(sent);
		EXPECT_EQ(received.size(), sent.size());
		EXPECT_TRUE(received == sent);
		all = chaos.to_server();
		all += chaos.to_client();
		if (HasFailure() || (all.dropped > 0 && all.duplicated > 0 && all.back > 0))
			break;
	}
	EXPECT_EQ(checksum_errors(server_) + checksum_errors(client_), 0U);
	EXPECT_GT(all.dropped, 0U);
	EXPECT_GT(all.duplicated, 0U);
	EXPECT_GT(all.back, 0U);
}

TEST_F(Wire, TheProbabilitiesCanChangeAndItCleansUp)
{
	{
		Chaos chaos(client_, "veth0", {.to_server = {.drop = certain}});
		EXPECT_TRUE(through(true).empty());
		chaos.set({}, {});
		EXPECT_EQ(through(true).size(), datagrams);
		chaos.set({.drop = certain}, {});
	}
	EXPECT_EQ(through(true).size(), datagrams);
	// Again, on the same interface.
	const Chaos chaos(client_, "veth0", {.to_server = {.drop = certain}});
	EXPECT_TRUE(through(true).empty());
}

} // namespace
} // namespace prestack::test
