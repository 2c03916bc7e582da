// SPDX-License-Identifier: GPL-2.0-only
// Clients that people use, run for the server behind prestack and for the reference server.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "support/process.hpp"

namespace prestack::test
{

class RealClient : public TcpReads
{
protected:
	explicit RealClient(const TcpTestbedOptions &options = {}) : testbed_(options) {}

	// Runs the command for the server under test and for the reference server: "{host}" and "{port}" are
	// replaced. Both have to end well and to print the same.
	std::string compare(const std::vector<std::string> &argv)
	{
		const std::string with =
			run_for(argv, TcpTestbed::server_address, testbed_.client_ns());
		const std::string alone =
			run_for(argv, TcpTestbed::reference_address, testbed_.reference_ns());
		EXPECT_FALSE(with.empty());
		EXPECT_EQ(with, alone);
		return with;
	}

	void expect_many_hits() const
	{
		print_counters(testbed_);
		expect_hits(testbed_, 4);
	}

	static std::string script(const std::string &name)
	{
		return std::string(PRESTACK_SOURCE_DIR) + "/tests/tcp/clients/" + name;
	}

	TcpTestbed testbed_;

private:
	std::string run_for(const std::vector<std::string> &argv, const std::string &host,
			    const Netns &ns) const
	{
		constexpr Milliseconds patience{60'000};
		const std::string packages = PRESTACK_NODE_CLIENTS "/node_modules";
		ProcessOptions options;
		options.netns_fd = ns.fd();
		options.environment = {"NODE_PATH=" + packages};
		for (std::string word : argv) {
			for (const auto &[name, value] :
			     {std::pair<std::string, std::string>{"{host}", host},
			      {"{port}", std::to_string(testbed_.port())}}) {
				if (const auto at = word.find(name); at != std::string::npos)
					word.replace(at, name.size(), value);
			}
			options.argv.push_back(word);
		}
		return run_ok(options, patience).output;
	}
};

} // namespace prestack::test
