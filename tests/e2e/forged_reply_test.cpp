// SPDX-License-Identifier: GPL-2.0-only
// A local process that sends from the service's port cannot fill the cache. This is defect (j) of BMC.
//
// memcached is stopped while a request waits for its reply, so that there is a lease that a forged
// reply could use. Somebody else then sends that reply. The client does receive it; the cache must not
// learn from it.
#include "fixture.hpp"
#include "support/impostor.hpp"
#include "support/packet_socket.hpp"

namespace prestack::test
{
namespace
{

constexpr uid_t daemon_user = 1;
constexpr uid_t nobody = 65'534; // memcached's

class ForgedReply : public E2eTest
{
protected:
	// Of its own, since memcached is stopped and addresses are added.
	Testbed &testbed()
	{
		if (!testbed_)
			testbed_ = std::make_unique<Testbed>(TestbedOptions{});
		return *testbed_;
	}

	// Requests the key while memcached sleeps, calls `forge` with the request id and the forged
	// payload, and wakes memcached.
	template <typename Forge>
	void while_a_request_waits(const std::string &key, Forge forge)
	{
		testbed().memcached().pause();
		const std::uint16_t id = testbed().udp_client().next_request_id();
		const auto requests = testbed().prestack().counter("requests");
		testbed().udp_client().send({.request_id = id}, get(key));
		wait_until("the request passes the hook",
			   [&] { return testbed().prestack().counter("requests") > requests; });
		try {
			forge(id, UdpHeader{.request_id = id}.encode() + "VALUE " + key +
					  " 0 6\r\nforged\r\nEND\r\n");
		} catch (...) {
			testbed().memcached().resume();
			throw;
		}
		testbed().memcached().resume();
	}

	// The true value, again and again, until the kernel serves it: the forged one never shows.
	void expect_only_the_truth(const std::string &key)
	{
		testbed().udp_client().strays();
		testbed().read(get(key));
		testbed().warm(key);
		EXPECT_EQ(testbed().read_hit(get(key)), "VALUE " + key + " 0 4\r\ntrue\r\nEND\r\n");
	}

	// A key that was read before (so that the path is proven), changed since and not read again.
	std::string prepared_key()
	{
		std::string key = testbed().key("forged");
		testbed().store_and_warm(key, "before");
		testbed().write(store(key, "true"));
		// The write's settle time must be over for a lease to be given.
		std::this_thread::sleep_for(Milliseconds{20});
		return key;
	}

	std::uint16_t client_port() { return testbed().udp_client().local_port(); }

	void expect_a_raw_socket_cannot_fill(uid_t owner)
	{
		const std::string key = prepared_key();
		const auto fills = testbed().prestack().counter("fills");
		while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
			UdpFrame forged = testbed().frame(payload);
			std::swap(forged.source, forged.destination);
			std::swap(forged.source_port, forged.destination_port);
			const std::string packet = encode(forged).substr(14);
			run_as(testbed().server_ns(), 0,
			       [&] { send_raw_ipv4(packet, Testbed::client_v4, owner); });
			EXPECT_EQ(testbed().udp_client().receive()->payload, payload.substr(8))
				<< "the forgery arrives";
			EXPECT_EQ(testbed().prestack().counter("fills"), fills);
		});
		expect_only_the_truth(key);
	}

private:
	std::unique_ptr<Testbed> testbed_;
};

TEST_F(ForgedReply, TheServersOwnReplyWouldFill)
{
	// The control of this suite: what the impostors imitate does fill when the server sends it.
	const std::string key = prepared_key();
	const auto fills = testbed().prestack().counter("fills");
	while_a_request_waits(key, [](std::uint16_t, const std::string &) {});
	EXPECT_TRUE(eventually([&] { return testbed().prestack().counter("fills") > fills; }));
	expect_only_the_truth(key);
}

TEST_F(ForgedReply, ASocketOfAnotherUserOnAnotherAddress)
{
	const std::string key = prepared_key();
	const auto fills = testbed().prestack().counter("fills");
	testbed().server_ns().ip("addr add 10.0.0.9/24 dev veth0");
	while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
		run_as(testbed().server_ns(), daemon_user, [&] {
			send_from_port("10.0.0.9", memcached_port, Testbed::client_v4,
				       client_port(), payload);
		});
		EXPECT_EQ(testbed().prestack().counter("fills"), fills);
	});
	expect_only_the_truth(key);
}

TEST_F(ForgedReply, ASocketOfTheServersUserOnAnotherAddress)
{
	const std::string key = prepared_key();
	const auto fills = testbed().prestack().counter("fills");
	testbed().server_ns().ip("addr add 10.0.0.9/24 dev veth0");
	while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
		run_as(testbed().server_ns(), nobody, [&] {
			send_from_port("10.0.0.9", memcached_port, Testbed::client_v4,
				       client_port(), payload);
		});
		EXPECT_EQ(testbed().prestack().counter("fills"), fills);
	});
	expect_only_the_truth(key);
}

TEST_F(ForgedReply, ARawSocket)
{
	expect_a_raw_socket_cannot_fill(0);
}

TEST_F(ForgedReply, ARawSocketOfTheServersUser)
{
	expect_a_raw_socket_cannot_fill(nobody);
}

TEST_F(ForgedReply, APacketSocket)
{
	const std::string key = prepared_key();
	const auto fills = testbed().prestack().counter("fills");
	while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
		UdpFrame forged = testbed().frame(payload);
		std::swap(forged.source_mac, forged.destination_mac);
		std::swap(forged.source, forged.destination);
		std::swap(forged.source_port, forged.destination_port);
		PacketSocket socket(testbed().server_ns(), "veth0", PacketSocket::Queue::kernel);
		socket.send(encode(forged));
		EXPECT_EQ(testbed().udp_client().receive()->payload, payload.substr(8))
			<< "the forgery arrives";
		EXPECT_EQ(testbed().prestack().counter("fills"), fills);
	});
	expect_only_the_truth(key);
}

// memcached itself answers a client that asked nothing: the request was sent from inside the
// server's namespace with the client's address, so it never passed the ingress hook.
TEST_F(ForgedReply, AnUnsolicitedReplyOfTheServerItself)
{
	const std::string key = prepared_key();
	const auto fills = testbed().prestack().counter("fills");
	const auto gets = testbed().memcached().stat("cmd_get");
	for (const char *interface : {"all", "lo", "veth0"}) {
		testbed().server_ns().sysctl("ipv4/conf/" + std::string(interface) + "/rp_filter",
					     "0");
		testbed().server_ns().sysctl(
			"ipv4/conf/" + std::string(interface) + "/accept_local", "1");
	}
	const std::uint16_t id = testbed().udp_client().next_request_id();
	const std::string request = UdpHeader{.request_id = id}.encode() + get(key);
	const std::string packet = encode(testbed().frame(request)).substr(14);
	run_as(testbed().server_ns(), 0, [&] { send_raw_ipv4(packet, Testbed::server_v4); });
	EXPECT_EQ(testbed().udp_client().collect(id), "VALUE " + key + " 0 4\r\ntrue\r\nEND\r\n");
	EXPECT_EQ(testbed().memcached().stat("cmd_get"), gets + 1);
	EXPECT_EQ(testbed().prestack().counter("fills"), fills);
}

} // namespace
} // namespace prestack::test
