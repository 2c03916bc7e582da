// SPDX-License-Identifier: GPL-2.0-only
// Connections of real sockets are followed to their end in both directions, whatever the stacks make
// of the bytes: GSO packets of 64 KiB, acknowledgements, window updates. The protocol is the toy one.
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <random>
#include <system_error>
#include <thread>

#include "fixture.hpp"
#include "support/chaos.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint16_t port = 7000;

// Answers S and G, tests/toy/stream.h, as much as it has got at once.
class ToyServer
{
public:
	explicit ToyServer(const Netns &ns)
	{
		listener_ = ns.in([] {
			UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
			const Endpoint any("10.0.0.1", port);
			if (::bind(fd.get(), any.address(), any.size()) != 0 ||
			    ::listen(fd.get(), 5) != 0)
				throw std::system_error(errno, std::generic_category(), "listen");
			return fd;
		});
		thread_ = std::thread([this] { serve(); });
	}
	ToyServer(const ToyServer &) = delete;
	ToyServer &operator=(const ToyServer &) = delete;
	~ToyServer()
	{
		over_ = true;
		thread_.join();
	}

private:
	bool readable(int fd) const
	{
		pollfd poll{fd, POLLIN, 0};
		while (!over_) {
			if (::poll(&poll, 1, 50) > 0)
				return true;
		}
		return false;
	}
	void serve()
	{
		while (readable(listener_.get())) {
			const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
			std::string in;
			std::vector<char> chunk(1 << 20);
			while (readable(client.get())) {
				const auto n = ::recv(client.get(), chunk.data(), chunk.size(), 0);
				if (n <= 0)
					break;
				in.append(chunk.data(), static_cast<std::size_t>(n));
				const std::string out = answer(in);
				for (std::size_t sent = 0; sent < out.size();) {
					const auto m = ::send(client.get(), out.data() + sent,
							      out.size() - sent, MSG_NOSIGNAL);
					if (m <= 0)
						return;
					sent += static_cast<std::size_t>(m);
				}
			}
		}
	}
	// Takes whole requests from the front of `in`.
	std::string answer(std::string &in)
	{
		std::string out;
		for (;;) {
			const auto line = in.find('\n');
			if (line == std::string::npos)
				return out;
			std::string key = in.substr(7, line - 7);
			if (in[5] == 'G') {
				const auto item = items_.find(key);
				out += item == items_.end()
					       ? "0000 N\n"
					       : "0000 V " + key + " " +
							 std::to_string(item->second.size()) +
							 "\n" + item->second + "\n";
				in.erase(0, line + 1);
				continue;
			}
			const auto space = key.find(' ');
			const auto size = std::stoul(key.substr(space));
			if (in.size() < line + 1 + size + 1)
				return out;
			items_[key.substr(0, space)] = in.substr(line + 1, size);
			in.erase(0, line + 1 + size + 1);
			out += "0000 OK\n";
		}
	}

	UniqueFd listener_;
	std::map<std::string, std::string> items_;
	std::atomic<bool> over_{false};
	std::thread thread_;
};

std::string receive(int fd, std::size_t size)
{
	std::string out(size, '\0');
	for (std::size_t got = 0; got < size;) {
		pollfd poll{fd, POLLIN, 0};
		if (::poll(&poll, 1, static_cast<int>(default_patience.count())) <= 0)
			throw std::runtime_error("the server says nothing");
		const auto n = ::recv(fd, out.data() + got, size - got, 0);
		if (n <= 0)
			throw std::runtime_error("the server has closed the connection");
		got += static_cast<std::size_t>(n);
	}
	return out;
}

// A server and prestack in front of it, and connections that write and read.
class StreamFollowing : public testing::Test
{
protected:
	StreamFollowing()
		: server_ns_("server"), client_ns_("client"), link_(server_ns_, client_ns_, {})
	{
		link_.server_address("10.0.0.1/24");
		link_.client_address("10.0.0.2/24");
		server_.emplace(server_ns_);
		prestack_.emplace(server_ns_,
				  PrestackOptions{.services = {{.protocol = "toy",
								.port = port,
								.server = "10.0.0.1:7000"}},
						  .binary = PRESTACK_TEST_BINARY});
	}

	// Pipelines in any pieces; each reply has to be the one to its request.
	void talk(unsigned rounds, std::size_t longest);

	static constexpr unsigned connections = 3;
	std::uint64_t writes_ = 0;
	const Netns server_ns_;
	const Netns client_ns_;
	const VethPair link_;
	std::optional<ToyServer> server_;
	std::optional<Prestack> prestack_;
};

void StreamFollowing::talk(unsigned rounds, std::size_t longest)
{
	std::mt19937 random(1);
	std::map<std::string, std::string> items;
	for (unsigned connection = 0; connection < connections; ++connection) {
		TcpClient client(client_ns_, Endpoint("10.0.0.1", port));
		for (unsigned round = 0; round < rounds; ++round) {
			std::string requests;
			std::string replies;
			for (unsigned i = 0; i < 1 + random() % 40; ++i) {
				const std::string key = "key" + std::to_string(random() % 20);
				if (random() % 3 == 0) {
					const std::size_t most = random() % 4 == 0 ? longest : 300;
					const std::string value(
						random() % most,
						static_cast<char>('a' + random() % 26));
					items[key] = value;
					requests += "0000 S " + key + " " +
						    std::to_string(value.size()) + "\n" + value +
						    "\n";
					replies += "0000 OK\n";
					++writes_;
				} else {
					requests += "0000 G " + key + "\n";
					const auto item = items.find(key);
					replies += item == items.end()
							   ? "0000 N\n"
							   : "0000 V " + key + " " +
								     std::to_string(
									     item->second.size()) +
								     "\n" + item->second + "\n";
				}
			}
			// Both at once: neither side waits for the other to read.
			std::thread sender([&] {
				for (std::size_t from = 0; from < requests.size();) {
					const std::size_t size = 1 + random() % 200000;
					client.send(requests.substr(from, size));
					from += size;
				}
			});
			const std::string got = receive(client.fd(), replies.size());
			sender.join();
			ASSERT_EQ(got == replies, true) << "round " << round;
		}
	}
}

TEST_F(StreamFollowing, IsFollowedThroughRealStacks)
{
	talk(60, 300000);
	EXPECT_EQ(prestack_->counter("flows"), connections);
	EXPECT_EQ(prestack_->counter("flows_lost"), 0u);
	EXPECT_EQ(prestack_->counter("flows_unknown"), 0u);
	// The listening socket was new once.
	EXPECT_LE(prestack_->counter("restarts"), 1u);
	EXPECT_LE(prestack_->counter("flushes"), connections + 1);
	EXPECT_EQ(prestack_->counter("writes"), writes_);
	// One for each write, but those that found the ring full.
	EXPECT_GT(prestack_->counter("replies"), writes_ / 2);
	EXPECT_LE(prestack_->counter("replies"), writes_);
}

// Segments are lost, come twice and out of order: nothing of that holds up a connection.
TEST_F(StreamFollowing, IsFollowedThroughABadNetwork)
{
	const Chaos chaos(client_ns_, link_.interface(),
			  {.to_server = ChaosRates::all(60), .to_client = ChaosRates::all(30)});
	talk(15, 30000);
	EXPECT_EQ(prestack_->counter("flows"), connections);
	EXPECT_EQ(prestack_->counter("flows_lost"), 0u);
	const auto sent = chaos.to_server();
	EXPECT_GT(sent.dropped + sent.reordered + sent.delayed, 0u);
	EXPECT_GT(prestack_->stats().at("services").at(0).at("dropped").value("out_of_order", 0U),
		  0U)
		<< sent.seen << " packets, " << sent.dropped << " dropped, " << sent.reordered
		<< " reordered, " << sent.delayed << " delayed";
}

} // namespace
} // namespace prestack::test
