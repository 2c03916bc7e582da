// SPDX-License-Identifier: GPL-2.0-only
// A server's end ends what is cached of it, by an event: also where its sockets stay open in another process, which
// then gets what clients send, and hands them to the next server.
#include <csignal>

#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "fixture.hpp"

namespace prestack::test
{
namespace
{

class ServerDeath : public E2eTest
{
protected:
	ServerDeath() : link_(server_, client_, {})
	{
		link_.server_address("10.0.0.1/24");
		link_.client_address("10.0.0.2/24");
		memcached_ = std::make_unique<Memcached>(
			server_, MemcachedOptions{.addresses = {"10.0.0.1"}});
		prestack_ = std::make_unique<Prestack>(server_, PrestackOptions{});
		const TcpClient first(client_, endpoint_);
		udp_ = std::make_unique<UdpClient>(client_, endpoint_);
		TcpClient(client_, endpoint_).ask(store("key", "old"));
		EXPECT_TRUE(eventually([&] { return logged("the agent is connected"); }));
		EXPECT_TRUE(eventually([&] {
			udp_->ask(get("key"));
			return prestack_->counter("hits") > 0;
		}));
	}

	bool logged(const std::string &text)
	{
		return prestack_->process().errors().find(text) != std::string::npos;
	}
	// Copies of all the sockets that the server has and that are no connections.
	std::vector<UniqueFd> sockets_of_server() const
	{
		const UniqueFd process(
			static_cast<int>(syscall(SYS_pidfd_open, memcached_->pid(), 0)));
		std::vector<UniqueFd> copies;
		const std::string all = "/proc/" + std::to_string(memcached_->pid()) + "/fd";
		for (const auto &each : std::filesystem::directory_iterator(all)) {
			const auto kind = std::filesystem::read_symlink(each.path()).string();
			if (!kind.starts_with("socket:"))
				continue;
			UniqueFd copy(
				static_cast<int>(syscall(SYS_pidfd_getfd, process.get(),
							 std::stoi(each.path().filename()), 0)));
			sockaddr_storage peer{};
			socklen_t length = sizeof peer;
			if (copy && getpeername(copy.get(), reinterpret_cast<sockaddr *>(&peer),
						&length) != 0)
				copies.push_back(std::move(copy));
		}
		return copies;
	}
	// What is sent must not be answered by the kernel.
	void expect_no_hit()
	{
		const auto hits = prestack_->counter("hits");
		for (int i = 0; i < 20; ++i) {
			try {
				udp_->send({.request_id = static_cast<std::uint16_t>(i + 1000)},
					   get("key"));
			} catch (const std::system_error &) { // nobody listens
			}
		}
		EXPECT_EQ(prestack_->counter("hits"), hits);
	}

	const Endpoint endpoint_{"10.0.0.1", memcached_port};
	Netns server_{"server"};
	Netns client_{"client"};
	VethPair link_;
	std::unique_ptr<Memcached> memcached_;
	std::unique_ptr<Prestack> prestack_;
	std::unique_ptr<UdpClient> udp_;
};

TEST_F(ServerDeath, EndsWhatIsCached)
{
	memcached_->kill();
	EXPECT_TRUE(eventually([&] { return logged("no server listens"); }));
	expect_no_hit();
}

TEST_F(ServerDeath, EndsWhatIsCachedWhoeverHasItsSocketsToo)
{
	const auto sockets = sockets_of_server();
	ASSERT_GE(sockets.size(), 2U) << "TCP's and UDP's";
	memcached_->kill();
	EXPECT_TRUE(eventually([&] { return logged("the agent has no connection to"); }));
	EXPECT_FALSE(logged("no server listens"));
	expect_no_hit();
}

} // namespace
} // namespace prestack::test
