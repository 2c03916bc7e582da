// SPDX-License-Identifier: GPL-2.0-only
// A server behind prestack, and a way past prestack to the same server: what it says there is the truth
// that prestack's answers are compared with. All but the words of the protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "counters.hpp"
#include "prestack.hpp"
#include "server.hpp"
#include "tcp_client.hpp"
#include "veth.hpp"

namespace prestack::test
{

class CoherenceTestbed
{
public:
	// A gtest failure if the audit, which runs all the while, has found a stale entry.
	virtual ~CoherenceTestbed();
	CoherenceTestbed(const CoherenceTestbed &) = delete;
	CoherenceTestbed &operator=(const CoherenceTestbed &) = delete;

	// A new connection through the interface that prestack serves.
	TcpClient tcp(const TcpOptions &options = {}) const
	{
		return TcpClient(client_ns_, server_, options);
	}

	// A key that no test has used before on this testbed; all have the same length.
	std::string key();

	struct Answer {
		std::string bytes;
		bool hit = false; // the kernel gave it
	};
	// Reads the key through prestack.
	virtual Answer read(std::string_view key) = 0;
	// The same, asked of the server alone.
	virtual std::string truth(std::string_view key) = 0;
	// Reads until the kernel answers; each answer must be the server's own. Returns the last one. A
	// gtest failure when the kernel never answers.
	std::string cache(std::string_view key);
	// Expects what the kernel or the server answers now to be the truth, and returns it.
	std::string expect_truth(std::string_view key);
	// The same; and if the kernel may give this answer, that it soon does so again.
	std::string expect_truth_and_cached_again(std::string_view key);

	std::uint64_t count(ps_counter counter) const { return counters_->get(counter); }
	// The counters of a prestack that was started again.
	void reopen_counters();

	Prestack &prestack() { return *prestack_; }
	const Netns &server_ns() const { return server_ns_; }
	const Netns &client_ns() const { return client_ns_; }
	const VethPair &link() const { return link_; }
	const Endpoint &server() const { return server_; }

	static constexpr const char *server_v4 = "10.0.0.1";
	static constexpr const char *server_v6 = "fd00::1";

protected:
	struct Setup {
		bool ipv6 = false; // what the clients use
		unsigned vlan_depth = 0; // tags between client and server
		std::uint16_t port = 0;
		// Starts the server on these addresses.
		std::function<std::unique_ptr<Server>(const Netns &,
						      const std::vector<std::string> &)>
			start_server;
		PrestackOptions prestack{}; // the audit is switched on
	};
	explicit CoherenceTestbed(const Setup &setup);

	// Whether this is an answer that the kernel gives, once it has seen it.
	virtual bool is_cacheable(const std::string &answer) const = 0;
	Server &server_process() { return *server_process_; }

private:
	Endpoint server_;
	// Order matters: what uses a namespace goes before it.
	Netns server_ns_;
	Netns client_ns_;
	VethPair link_;
	std::unique_ptr<Server> server_process_;
	std::unique_ptr<Prestack> prestack_;
	std::unique_ptr<Counters> counters_;
	unsigned keys_ = 0;
};

} // namespace prestack::test
