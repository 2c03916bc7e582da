// SPDX-License-Identifier: GPL-2.0-only
#include "flow_fixture.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <memory>

namespace prestack::test
{

namespace
{

void put_address(const std::string &text, __u64 (&out)[2])
{
	auto *bytes = reinterpret_cast<unsigned char *>(out);
	if (text.find(':') != std::string::npos) {
		::inet_pton(AF_INET6, text.c_str(), bytes);
		return;
	}
	std::memset(bytes, 0, 10);
	std::memset(bytes + 10, 0xff, 2);
	::inet_pton(AF_INET, text.c_str(), bytes + 12);
}

} // namespace

std::string stream_get(std::string_view key)
{
	return fmt::format("0000 G {}\n", key);
}

std::string stream_quiet_get(std::string_view key)
{
	return fmt::format("0000 Q {}\n", key);
}

std::string stream_set(std::string_view key, std::string_view value)
{
	return fmt::format("0000 S {} {}\n{}\n", key, value.size(), value);
}

std::string stream_quiet_set(std::string_view key, std::string_view value)
{
	return fmt::format("0000 s {} {}\n{}\n", key, value.size(), value);
}

std::string stream_delete(const std::vector<std::string> &keys)
{
	return fmt::format("0000 D {}\n", fmt::join(keys, " "));
}

std::string stream_value(std::string_view key, std::string_view value)
{
	return fmt::format("0000 V {} {}\n{}\n", key, value.size(), value);
}

void FlowTest::connect(std::uint32_t client, std::uint32_t server)
{
	client_next_ = client;
	server_next_ = server;
	Packet packet = server_segment("", server - 1);
	packet.tcp_flags = kSyn | kAck;
	leaves(packet);
}

Packet FlowTest::client_segment(std::string payload, std::uint32_t sequence) const
{
	Packet packet = request_;
	packet.transport = Transport::tcp;
	packet.payload = std::move(payload);
	packet.tcp_sequence = sequence;
	packet.tcp_acknowledgement = server_next_;
	packet.tcp_flags = kAck | kPush;
	return packet;
}

Packet FlowTest::server_segment(std::string payload, std::uint32_t sequence) const
{
	Packet packet = request_.reply(std::move(payload));
	packet.transport = Transport::tcp;
	packet.tcp_sequence = sequence;
	packet.tcp_acknowledgement = client_next_;
	packet.tcp_flags = kAck | kPush;
	return packet;
}

int FlowTest::sends_at(const std::string &payload, std::uint32_t sequence)
{
	const std::string frame = client_segment(payload, sequence).bytes();
	const Outcome outcome = datapath_.ingress(frame);
	EXPECT_EQ(outcome.frame, frame) << "a segment was changed";
	return outcome.verdict;
}

int FlowTest::sends(const std::string &payload)
{
	const int verdict = sends_at(payload, client_next_);
	client_next_ += static_cast<std::uint32_t>(payload.size());
	return verdict;
}

void FlowTest::answers(const std::string &payload)
{
	const Packet packet = server_segment(payload, server_next_);
	const std::string frame = packet.bytes();
	const Outcome outcome = datapath_.egress(frame);
	EXPECT_EQ(outcome.verdict, kNext);
	EXPECT_EQ(outcome.frame, frame) << "a reply was changed";
	server_next_ += static_cast<std::uint32_t>(payload.size());
}

void FlowTest::acknowledges(std::optional<std::uint32_t> sequence)
{
	Packet packet = server_segment("", server_next_);
	packet.tcp_acknowledgement = sequence.value_or(client_next_);
	leaves(packet);
}

void FlowTest::cache(const std::vector<std::string> &keys)
{
	for (const std::string &key : keys)
		EXPECT_TRUE(fill(key, "old")) << key;
	moved_now();
}

ps_flow_key FlowTest::flow_key() const
{
	ps_flow_key key{};
	put_address(request_.source, key.client);
	put_address(request_.destination, key.local);
	key.client_port = htons(request_.source_port);
	key.local_port = htons(request_.destination_port);
	key.hash = ps_flow_hash(&key);
	return key;
}

std::optional<ps_flow> FlowTest::flow() const
{
	const ps_flow_key key = flow_key();
	std::optional<ps_flow> out(std::in_place);
	if (bpf_map_lookup_elem(datapath_.map("ps_flows"), &key.hash, &*out) != 0)
		return {};
	return out;
}

void FlowTest::change(const std::function<void(ps_flow &)> &how) const
{
	auto found = flow();
	ASSERT_TRUE(found) << "there is no such flow";
	how(*found);
	ASSERT_EQ(bpf_map_update_elem(datapath_.map("ps_flows"), &found->key.hash, &*found,
				      BPF_EXIST),
		  0);
}

std::uint32_t FlowTest::lost() const
{
	const auto found = flow();
	EXPECT_TRUE(found) << "there is no such flow";
	return found ? found->lost : ~0U;
}

} // namespace prestack::test
