// SPDX-License-Identifier: GPL-2.0-only
// A memcached behind prestack, and a way past prestack to the same memcached: what it says there is
// the truth that prestack's answers are compared with.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/bed.hpp"
#include "support/counters.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{

struct StageOptions {
	std::string settle = "20ms";
	bool ipv6 = false; // what the clients use
	unsigned vlan_depth = 0; // tags between client and server
	std::vector<std::string> memcached{}; // more command line arguments

	auto operator<=>(const StageOptions &) const = default;
};

class Stage
{
public:
	explicit Stage(const StageOptions &options);
	// A gtest failure if the audit, which runs all the while, has found a stale entry.
	~Stage();
	Stage(const Stage &) = delete;
	Stage &operator=(const Stage &) = delete;

	// One with these options, kept for later tests.
	static Stage &shared(const StageOptions &options = {});
	static void discard_all();

	// Through the interface that prestack serves.
	TcpClient tcp(const TcpOptions &options = {}) const
	{
		return TcpClient(client_ns_, server_, options);
	}
	UdpClient udp() const { return UdpClient(client_ns_, server_); }

	// A key that no test has used before on this stage; all have the same length.
	std::string key();
	// Stores over TCP, through prestack.
	void store(std::string_view key, std::string_view value, long expiry = 0);

	struct Answer {
		std::string text;
		bool hit = false; // the kernel gave it
	};
	// Gets over UDP, through prestack.
	Answer read(std::string_view key);
	// The same, asked of memcached alone.
	std::string truth(std::string_view key) { return truth_of("get", key); }
	// What memcached alone answers to "<verb> <key>\r\n".
	std::string truth_of(std::string_view verb, std::string_view key);
	// The item's cas unique.
	std::string unique(std::string_view key);
	// Gets until the kernel answers; each answer must be memcached's own. Returns the last one. A
	// gtest failure when the kernel never answers.
	std::string cache(std::string_view key);
	// Expects what the kernel or the server answers now to be the truth, and returns it.
	std::string expect_truth(std::string_view key);
	// The same; and if there is an item, that it is soon served from the kernel again.
	std::string expect_truth_and_cached_again(std::string_view key);

	std::uint64_t count(ps_counter counter) const { return counters_->get(counter); }
	// The counters of a prestack that was started again.
	void reopen_counters();

	Prestack &prestack() { return *prestack_; }
	Memcached &memcached() { return memcached_; }
	UdpClient &udp_client() { return udp_client_; }
	const Netns &server_ns() const { return server_ns_; }
	const Netns &client_ns() const { return client_ns_; }
	const VethPair &link() const { return link_; }
	const Endpoint &server() const { return server_; }
	// A new connection to memcached that does not pass prestack.
	TcpClient direct() const { return TcpClient(server_ns_, server_); }
	// Needed after a restart of memcached.
	void reconnect();

private:
	StageOptions options_;
	Endpoint server_;
	Netns server_ns_;
	Netns client_ns_;
	VethPair link_;
	Memcached memcached_;
	std::unique_ptr<Prestack> prestack_;
	std::unique_ptr<Counters> counters_;
	TcpClient store_client_;
	TcpClient direct_client_;
	UdpClient udp_client_;
	unsigned keys_ = 0;
};

// Skips where there is no binary to test, and drops the shared stages when a test failed, so that
// it cannot take later ones with it.
class StageTest : public testing::Test
{
protected:
	void SetUp() override
	{
		if (!prestack_binary())
			GTEST_SKIP() << "no prestack binary: set PRESTACK_BIN";
	}
	void TearDown() override
	{
		if (HasFailure())
			Stage::discard_all();
	}
};

inline std::string get_line(std::string_view key)
{
	return "get " + std::string(key) + "\r\n";
}
// The reply to a get of one item without client flags.
std::string value_reply(std::string_view key, std::string_view value);
inline constexpr std::string_view no_item = "END\r\n";

} // namespace prestack::test
