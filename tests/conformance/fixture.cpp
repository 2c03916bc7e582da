// SPDX-License-Identifier: GPL-2.0-only
#include "fixture.hpp"

#include <algorithm>
#include <stdexcept>

#include "report.hpp"
#include "support/frame.hpp"

namespace prestack::test
{

namespace
{

constexpr int kPass = 2;
constexpr int kTransmit = 3;
constexpr int kNext = -1;
constexpr std::uint8_t kSynAck = 0x12;

// `label` itself, if it holds nothing but `bytes`. Else each of its characters becomes a number, whose
// digits are `bytes`: of a fixed length, so that no two labels give the same.
std::string spelled_with(const std::string &bytes, std::string_view label)
{
	if (label.find_first_not_of(bytes) == std::string_view::npos)
		return std::string(label);
	if (bytes.size() < 2)
		throw std::invalid_argument("a dialect needs at least two different bytes");
	std::string out;
	for (const char c : label) {
		unsigned rest = static_cast<unsigned char>(c);
		for (std::size_t reach = 1; reach < 0x100; reach *= bytes.size()) {
			out += bytes[rest % bytes.size()];
			rest /= static_cast<unsigned>(bytes.size());
		}
	}
	return out;
}

} // namespace

std::string Conformance::key(std::string_view label) const
{
	return spelled_with(dialect().key_bytes(), label);
}

std::string Conformance::value(std::string_view label) const
{
	return spelled_with(dialect().value_bytes(), label);
}

Item Conformance::item(std::string_view key_label, std::string_view value_label) const
{
	return {key(key_label), value(value_label), 0};
}

std::string Conformance::long_value(std::size_t length, std::size_t i) const
{
	const std::string letters = value("abcdefghijklmnopqrstuvwxyz");
	return std::string(length, letters[i % letters.size()]);
}

std::vector<Item> Conformance::many(std::size_t count, std::size_t length) const
{
	std::vector<Item> items;
	for (std::size_t i = 0; i < count; ++i)
		items.push_back({key("k" + std::to_string(i)), long_value(length, i), 0});
	return items;
}

void Conformance::TearDown()
{
	const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
	report(dialect().plugin(), spaced(test.substr(0, test.find('/'))),
	       HasFailure()	    ? "no"
	       : otherwise_.empty() ? "yes"
				    : otherwise_);
}

bool Conformance::needs_datagrams()
{
	if (!dialect().has_datagrams())
		otherwise_ = "-";
	return !dialect().has_datagrams();
}

bool Conformance::arrives(const std::string &payload, Transport transport)
{
	Packet packet = client_;
	packet.transport = transport;
	packet.payload = payload;
	if (transport == Transport::tcp)
		connect(packet);
	const std::string frame = packet.bytes();
	const Outcome outcome = datapath_.ingress(frame);
	if (outcome.verdict != kTransmit) {
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_EQ(outcome.frame, frame);
		return false;
	}
	const auto reply = decode(outcome.frame);
	EXPECT_TRUE(reply);
	answer_ = reply ? reply->payload : "";
	return true;
}

void Conformance::connect(Packet &packet)
{
	constexpr std::uint32_t client = 1'000, server = 2'000;
	packet.source_port = connection_port_++;
	packet.tcp_sequence = client;
	packet.tcp_acknowledgement = server;
	Packet handshake = packet.reply("");
	handshake.transport = Transport::tcp;
	handshake.tcp_sequence = server - 1;
	handshake.tcp_acknowledgement = client;
	handshake.tcp_flags = kSynAck;
	EXPECT_EQ(datapath_.egress(handshake.bytes()).verdict, kNext);
}

// A connection on which the server has answered a read, and owes nothing.
StreamClient &Conformance::reader()
{
	if (!reader_ || reader_->waits()) {
		reader_.emplace(datapath_, client_, connection_port_++);
		const Item proof = item("proof-" + std::to_string(connection_port_));
		EXPECT_FALSE(reader_->asks(dialect().read(0, {proof.key})));
		for (const std::string &segment : dialect().reply(0, {proof}))
			reader_->answers(segment);
	}
	return *reader_;
}

bool Conformance::asks(const std::string &payload)
{
	if (dialect().has_datagrams())
		return arrives(payload);
	auto answer = reader().asks(payload);
	if (answer)
		answer_ = *answer;
	return answer.has_value();
}

std::vector<Message> Conformance::changes(const std::string &key) const
{
	const bool datagrams = dialect().has_datagrams();
	auto all = datagrams ? dialect().writes(key) : dialect().stream_writes(key);
	const auto flushes = datagrams ? dialect().flushes() : dialect().stream_flushes();
	all.insert(all.end(), flushes.begin(), flushes.end());
	return all;
}

bool Conformance::changes(const Message &change)
{
	return arrives(change.payload, dialect().has_datagrams() ? Transport::udp : Transport::tcp);
}

void Conformance::leaves(const std::string &payload)
{
	if (!dialect().has_datagrams()) {
		ASSERT_TRUE(reader_);
		reader_->answers(payload);
		datapath_.answer_expiry_questions();
		return;
	}
	const std::string frame = client_.reply(payload).bytes();
	const Outcome outcome = datapath_.egress(frame);
	EXPECT_EQ(outcome.verdict, kNext);
	EXPECT_EQ(outcome.frame, frame);
	datapath_.answer_expiry_questions();
}

void Conformance::fill(const std::vector<Item> &items)
{
	const std::uint16_t request = next_request();
	EXPECT_FALSE(asks(dialect().read(request, keys_of(items)))) << "is cached already";
	for (const std::string &datagram : dialect().reply(request, items))
		leaves(datagram);
}

bool Conformance::hits(const std::vector<Item> &items)
{
	const std::uint16_t request = next_request();
	if (!asks(dialect().read(request, keys_of(items))))
		return false;
	EXPECT_EQ(answer_, dialect().hit(request, items));
	return true;
}

void Conformance::ensure(const Item &item)
{
	fill({item});
	ASSERT_TRUE(hits(item));
}

std::string dialect_name(const testing::TestParamInfo<const Dialect *> &info)
{
	std::string name(info.param->plugin());
	std::ranges::replace(name, '-', '_');
	return name;
}

std::vector<std::string> keys_of(const std::vector<Item> &items)
{
	std::vector<std::string> keys;
	for (const Item &item : items)
		keys.push_back(item.key);
	return keys;
}

} // namespace prestack::test
