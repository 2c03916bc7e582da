// SPDX-License-Identifier: GPL-2.0-only
// Defect (j) of BMC: any local process that sends from the service's port can fill the cache.
//
// Each test lets a request of the client wait for its reply (memcached is stopped), so that the
// fill lease is there to be stolen, and has somebody else send the reply. The client itself gets
// the forged datagram: that is between the two of them. The cache must not learn from it.
#include "fixture.hpp"
#include "support/impostor.hpp"
#include "support/packet_socket.hpp"

namespace prestack::test
{
namespace
{

constexpr uid_t daemon_user = 1;
constexpr uid_t nobody = 65'534; // memcached's

class ForgedReply : public BedTest
{
protected:
	// Of its own, since memcached is stopped and addresses are added.
	Bed &bed()
	{
		if (!bed_)
			bed_ = std::make_unique<Bed>(BedOptions{});
		return *bed_;
	}

	// Requests the key while memcached sleeps, calls `forge` with the request id and the forged
	// payload, and wakes memcached.
	template <typename Forge>
	void while_a_request_waits(const std::string &key, Forge forge)
	{
		bed().memcached().pause();
		const std::uint16_t id = bed().udp_client().next_request_id();
		const auto requests = bed().prestack().counter("requests");
		bed().udp_client().send({.request_id = id}, get(key));
		wait_until("the request passes the hook",
			   [&] { return bed().prestack().counter("requests") > requests; });
		try {
			forge(id, UdpHeader{.request_id = id}.encode() + "VALUE " + key +
					  " 0 6\r\nforged\r\nEND\r\n");
		} catch (...) {
			bed().memcached().resume();
			throw;
		}
		bed().memcached().resume();
	}

	// The true value, again and again, until the kernel serves it: the forged one never shows.
	void expect_only_the_truth(const std::string &key)
	{
		bed().udp_client().strays();
		bed().read(get(key));
		bed().warm(key);
		EXPECT_EQ(bed().read_hit(get(key)), "VALUE " + key + " 0 4\r\ntrue\r\nEND\r\n");
	}

	// A key that was read before (so that the path is proven), changed since and not read again.
	std::string prepared_key()
	{
		std::string key = bed().key("forged");
		bed().store_and_warm(key, "before");
		bed().write(store(key, "true"));
		// The write's settle time must be over for a lease to be given.
		std::this_thread::sleep_for(Milliseconds{20});
		return key;
	}

	std::uint16_t client_port() { return bed().udp_client().local_port(); }

	void expect_a_raw_socket_cannot_fill(uid_t owner)
	{
		const std::string key = prepared_key();
		const auto fills = bed().prestack().counter("fills");
		while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
			UdpFrame forged = bed().frame(payload);
			std::swap(forged.source, forged.destination);
			std::swap(forged.source_port, forged.destination_port);
			const std::string packet = encode(forged).substr(14);
			run_as(bed().server_ns(), 0,
			       [&] { send_raw_ipv4(packet, Bed::client_v4, owner); });
			EXPECT_EQ(bed().udp_client().receive()->payload, payload.substr(8))
				<< "the forgery arrives";
			EXPECT_EQ(bed().prestack().counter("fills"), fills);
		});
		expect_only_the_truth(key);
	}

private:
	std::unique_ptr<Bed> bed_;
};

TEST_F(ForgedReply, TheServersOwnReplyWouldFill)
{
	// The control of this suite: what the impostors imitate does fill when the server sends it.
	const std::string key = prepared_key();
	const auto fills = bed().prestack().counter("fills");
	while_a_request_waits(key, [](std::uint16_t, const std::string &) {});
	EXPECT_TRUE(eventually([&] { return bed().prestack().counter("fills") > fills; }));
	expect_only_the_truth(key);
}

TEST_F(ForgedReply, ASocketOfAnotherUserOnAnotherAddress)
{
	const std::string key = prepared_key();
	const auto fills = bed().prestack().counter("fills");
	bed().server_ns().ip("addr add 10.0.0.9/24 dev veth0");
	while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
		run_as(bed().server_ns(), daemon_user, [&] {
			send_from_port("10.0.0.9", memcached_port, Bed::client_v4, client_port(),
				       payload);
		});
		EXPECT_EQ(bed().prestack().counter("fills"), fills);
	});
	expect_only_the_truth(key);
}

TEST_F(ForgedReply, ASocketOfTheServersUserOnAnotherAddress)
{
	const std::string key = prepared_key();
	const auto fills = bed().prestack().counter("fills");
	bed().server_ns().ip("addr add 10.0.0.9/24 dev veth0");
	while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
		run_as(bed().server_ns(), nobody, [&] {
			send_from_port("10.0.0.9", memcached_port, Bed::client_v4, client_port(),
				       payload);
		});
		EXPECT_EQ(bed().prestack().counter("fills"), fills);
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
	const auto fills = bed().prestack().counter("fills");
	while_a_request_waits(key, [&](std::uint16_t, const std::string &payload) {
		UdpFrame forged = bed().frame(payload);
		std::swap(forged.source_mac, forged.destination_mac);
		std::swap(forged.source, forged.destination);
		std::swap(forged.source_port, forged.destination_port);
		PacketSocket socket(bed().server_ns(), "veth0", PacketSocket::Queue::kernel);
		socket.send(encode(forged));
		EXPECT_EQ(bed().udp_client().receive()->payload, payload.substr(8))
			<< "the forgery arrives";
		EXPECT_EQ(bed().prestack().counter("fills"), fills);
	});
	expect_only_the_truth(key);
}

// memcached itself answers a client that asked nothing: the request was sent from inside the
// server's namespace with the client's address, so it never passed the ingress hook.
TEST_F(ForgedReply, AnUnsolicitedReplyOfTheServerItself)
{
	const std::string key = prepared_key();
	const auto fills = bed().prestack().counter("fills");
	const auto gets = bed().memcached().stat("cmd_get");
	for (const char *interface : {"all", "lo", "veth0"}) {
		bed().server_ns().sysctl("ipv4/conf/" + std::string(interface) + "/rp_filter", "0");
		bed().server_ns().sysctl("ipv4/conf/" + std::string(interface) + "/accept_local",
					 "1");
	}
	const std::uint16_t id = bed().udp_client().next_request_id();
	const std::string request = UdpHeader{.request_id = id}.encode() + get(key);
	const std::string packet = encode(bed().frame(request)).substr(14);
	run_as(bed().server_ns(), 0, [&] { send_raw_ipv4(packet, Bed::server_v4); });
	EXPECT_EQ(bed().udp_client().collect(id), "VALUE " + key + " 0 4\r\ntrue\r\nEND\r\n");
	EXPECT_EQ(bed().memcached().stat("cmd_get"), gets + 1);
	EXPECT_EQ(bed().prestack().counter("fills"), fills);
}

} // namespace
} // namespace prestack::test
