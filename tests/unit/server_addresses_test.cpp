// SPDX-License-Identifier: GPL-2.0-only
// Which addresses and ports are one server's, and which links are one scope.
#include <gtest/gtest.h>

#include "watch/link_scopes.hpp"
#include "watch/server_addresses.hpp"
#include "watch/server_notes.hpp"

namespace prestack
{
namespace
{

// A host's sockets, each held by one process.
class Servers : public testing::Test
{
protected:
	ServerSocket &socket(std::string_view at, int pid, bool udp = false)
	{
		const auto endpoint = *parse_endpoint(at);
		ServerSocket one;
		one.address = endpoint.address;
		one.port = endpoint.port;
		one.udp = udp;
		one.uid = 100;
		one.inode = static_cast<std::uint32_t>(sockets_.size() + 1);
		one.cookie = one.inode;
		if (pid != 0) {
			holders_[one.inode].insert(pid);
		}
		sockets_.push_back(one);
		return sockets_.back();
	}
	void service(std::string_view server)
	{
		ServiceConfig config;
		config.server = *parse_endpoint(server);
		config.port = config.server.port;
		config.udp = config.tcp = true;
		services_.push_back(config);
	}
	ServerPlan plan(const ListeningMap &before = {})
	{
		return plan_servers(
			{.sockets = sockets_, .holders = holders_}, services_,
			[](const ServiceConfig &, std::uint16_t port) { return port == 17000; },
			before);
	}
	static std::optional<std::uint32_t> owner(const ServerPlan &plan, std::string_view at,
						  bool udp = false)
	{
		const auto found = plan.listening.find({*parse_endpoint(at), udp});
		return found == plan.listening.end() ? std::nullopt : std::optional(found->second);
	}

	std::vector<ServerSocket> sockets_;
	SocketHolders holders_;
	std::vector<ServiceConfig> services_;
};

TEST_F(Servers, NotesNameTheSituation)
{
	service("10.0.0.1:11211");
	service("10.0.0.1:11311");
	service("10.0.0.2:11211");
	service("10.0.0.3:11211");
	socket("10.0.0.1:11211", 1);
	socket("10.0.0.1:11311", 1, true);
	socket("10.0.0.2:11211", 2).ifindex = 2;
	socket("10.0.0.2:11211", 3).ifindex = 3;
	for (std::size_t i = 0; i < services_.size(); ++i) {
		services_[i].name = std::to_string(i);
	}
	const auto notes = server_notes(plan(), services_);
	ASSERT_EQ(notes.size(), 4U);
	EXPECT_NE(notes[0].find("listens on 10.0.0.1:11211/tcp, 10.0.0.1:11311/udp"),
		  std::string::npos)
		<< notes[0];
	EXPECT_NE(notes[1].find("is the server of service 0 as well"), std::string::npos)
		<< notes[1];
	EXPECT_NE(notes[2].find("cannot be told"), std::string::npos) << notes[2];
	EXPECT_NE(notes[3].find("no server listens"), std::string::npos) << notes[3];
}

// A proxy with thousands of sockets in dozens of processes must not hold the loader up.
TEST_F(Servers, ManySocketsOfManyProcessesAreOneServer)
{
	for (int i = 0; i < 2000; ++i) {
		socket("10.0.0.1:" + std::to_string(1000 + i), 1);
		for (int pid = 2; pid < 40; ++pid) {
			holders_[sockets_.back().inode].insert(pid);
		}
	}
	socket("10.0.0.1:80", 2);
	const auto servers = servers_of(sockets_, holders_);
	EXPECT_EQ(std::set<std::size_t>(servers.begin(), servers.end()).size(), 1U);
}

TEST_F(Servers, TwoOnOnePortAreTwo)
{
	socket("10.0.0.1:7000", 1);
	socket("10.0.0.2:7000", 2);
	service("10.0.0.1:7000");
	EXPECT_EQ(owner(plan(), "10.0.0.1:7000"), 0u);
	EXPECT_EQ(owner(plan(), "10.0.0.2:7000"), PS_SERVICE_NONE);
	service("10.0.0.2:7000");
	EXPECT_EQ(owner(plan(), "10.0.0.2:7000"), 1u);
	EXPECT_FALSE(plan().servers[0].ambiguous);
}

TEST_F(Servers, AllAddressesAndPortsOfAProcessAreOne)
{
	socket("10.0.0.1:7000", 1);
	socket("10.0.0.2:7001", 1);
	socket("10.0.0.1:7002", 1, true);
	socket("10.0.0.1:40000", 1, true); // as a client of a name server has it
	socket("10.0.0.1:17000", 1); // where no clients speak
	service("10.0.0.1:7000");
	service("10.0.0.2:7001");
	const auto found = plan();
	EXPECT_EQ(owner(found, "10.0.0.2:7001"), 0u);
	EXPECT_EQ(owner(found, "10.0.0.1:7002", true), 0u);
	EXPECT_EQ(owner(found, "10.0.0.1:40000", true), std::nullopt);
	EXPECT_EQ(owner(found, "10.0.0.1:17000"), std::nullopt);
	EXPECT_EQ(found.servers[1].same_as, 0u);
	EXPECT_FALSE(found.servers[0].same_as);
}

TEST_F(Servers, AWildcardAndAnAddressOfItsPort)
{
	socket("[::]:7000", 1);
	socket("10.0.0.2:7000", 2);
	service("10.0.0.1:7000");
	const auto found = plan();
	EXPECT_EQ(owner(found, "0.0.0.0:7000"), 0u);
	EXPECT_EQ(owner(found, "[::]:7000"), 0u);
	EXPECT_EQ(owner(found, "10.0.0.2:7000"), PS_SERVICE_NONE);
	EXPECT_EQ(service_at(found.listening, *parse_endpoint("10.0.0.9:7000"), false), 0u);
	EXPECT_EQ(service_at(found.listening, *parse_endpoint("10.0.0.2:7000"), false),
		  std::nullopt);
}

TEST_F(Servers, OnOneAddressAndTwoDevicesAreAmbiguous)
{
	socket("0.0.0.0:7000", 1).ifindex = 3;
	socket("0.0.0.0:7000", 2).ifindex = 4;
	service("10.0.0.1:7000");
	EXPECT_TRUE(plan().servers[0].ambiguous);
}

TEST_F(Servers, SiblingsOnOnePortAreOne)
{
	socket("0.0.0.0:7000", 1);
	socket("0.0.0.0:7000", 2);
	service("10.0.0.1:7000");
	EXPECT_FALSE(plan().servers[0].ambiguous);
}

// A service manager holds the sockets of all that it has started.
TEST_F(Servers, AreNotJoinedByWhoKeepsTheirSockets)
{
	socket("10.0.0.1:7000", 1);
	socket("10.0.0.2:7000", 2);
	for (auto &[inode, pids] : holders_) {
		pids.insert(99);
	}
	service("10.0.0.1:7000");
	service("10.0.0.2:7000");
	EXPECT_EQ(owner(plan(), "10.0.0.2:7000"), 1u);
	EXPECT_FALSE(plan().servers[1].same_as);
}

TEST_F(Servers, OfHiddenProcessesOnOnePortAreAmbiguous)
{
	socket("10.0.0.1:7000", 0);
	service("10.0.0.1:7000");
	EXPECT_FALSE(plan().servers[0].ambiguous);
	socket("10.0.0.2:7000", 0);
	EXPECT_TRUE(plan().servers[0].ambiguous);
}

// Connections to it may go on.
TEST_F(Servers, KeepAnAddressThatHasLostItsSocket)
{
	socket("10.0.0.1:7000", 1);
	service("10.0.0.1:7000");
	const ListeningMap before{{{*parse_endpoint("10.0.0.2:7001"), false}, 0}};
	EXPECT_EQ(owner(plan(before), "10.0.0.2:7001"), 0u);
	socket("0.0.0.0:7001", 2);
	EXPECT_EQ(owner(plan(before), "10.0.0.2:7001"), std::nullopt);
}

TEST(LinkScopes, OfVlansBridgesAndVrfs)
{
	const std::vector<Link> links{{2, 0, 10, "", 0},      {10, 0, 20, "bridge", 0},
				      {11, 2, 21, "vlan", 5}, {12, 11, 0, "vlan", 6},
				      {20, 0, 0, "vrf", 0},   {21, 0, 0, "vrf", 0}};
	const auto scopes = scopes_of(links, {2});
	EXPECT_EQ(scopes.at({2, 0}), (LinkScope{20, 10}));
	EXPECT_EQ(scopes.at({2, 6}), (LinkScope{21, 11}));
	EXPECT_EQ(scopes.at({2, 6 << 16 | 7}), (LinkScope{0, 12}));
	EXPECT_EQ(scopes.at({2, 1}), (LinkScope{20, 10})) << "the tag 0 is none";
}

} // namespace
} // namespace prestack
