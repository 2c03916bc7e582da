// SPDX-License-Identifier: GPL-2.0-only
// ICMP errors about segments of a connection on which the kernel has answered: they quote what their receiver
// has sent, by its own numbers. core/tcp/icmp_error.bpf.h.
#include "splice_fixture.hpp"

#include "support/icmp.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint32_t client_first = 0xfffffff0; // both come round
constexpr std::uint32_t server_first = 0x7ffffff0;

struct Family {
	const char *name;
	const char *client;
	const char *server;
	const char *router;
	IcmpError too_big;
	IcmpError unreachable;
	IcmpError no_error; // an echo request
	std::size_t headers; // of IP and TCP
};

const Family ipv4{.name = "IPv4",
		  .client = "10.0.0.2",
		  .server = "10.0.0.1",
		  .router = "10.9.9.9",
		  .too_big = {.type = 3, .code = 4, .word = 1400},
		  .unreachable = {.type = 3, .code = 1},
		  .no_error = {.type = 8, .code = 0},
		  .headers = 40};
const Family ipv6{.name = "IPv6",
		  .client = "fd00::2",
		  .server = "fd00::1",
		  .router = "fd09::9",
		  .too_big = {.type = 2, .code = 0, .word = 1400},
		  .unreachable = {.type = 1, .code = 0},
		  .no_error = {.type = 128, .code = 0},
		  .headers = 60};

// Answers once and once more; the second answer is not acknowledged.
class IcmpErrors : public Splice, public testing::WithParamInterface<Family>
{
protected:
	IcmpErrors()
	{
		request_.source = GetParam().client;
		request_.destination = GetParam().server;
		begin(client_first, server_first);
		splice();
		before_ = request(stream_read("key"));
		EXPECT_EQ(arrives(before_).verdict, kTransmit);
		in_skip_ += static_cast<std::uint32_t>(before_.payload.size());
		out_add_ += answer_length_;
		moved_now();
	}

	// What the client's side of the path gets of the server's segment: its numbers are the client's.
	Packet on_the_wire(std::uint32_t sequence, const std::string &payload = "data") const
	{
		Packet packet = server_segment(payload, sequence);
		packet.tcp_acknowledgement = client_next_ + in_skip_;
		return packet;
	}
	std::string error(IcmpError what, const Packet &about) const
	{
		what.sender = GetParam().router;
		if (what.most == IcmpError{}.most)
			what.most = GetParam().headers + 20;
		return icmp_frame(what, about);
	}
	// As the server gets it.
	QuotedNumbers at_server(const std::string &frame)
	{
		const Outcome outcome = datapath_.ingress(frame);
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_NE(outcome.frame, frame);
		EXPECT_EQ(moved_now(), "icmp_errors+1");
		return quoted_numbers(outcome.frame);
	}
	void expect_untouched(const std::string &frame)
	{
		const Outcome outcome = datapath_.ingress(frame);
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_EQ(outcome.frame, frame);
		EXPECT_EQ(moved_now(), "");
	}
	std::uint32_t mss() const { return flow()->splice.mss; }
	void cache_long(const std::string &value) { EXPECT_TRUE(fill("long", value)); }
	// The client has the last answer.
	int translated_acknowledgement() { return arrives(request("")).verdict; }

	const std::uint32_t answer_length_ =
		static_cast<std::uint32_t>(stream_value("key", "old").size());
	Packet before_;
};

TEST_P(IcmpErrors, QuoteTheServersOwnBytesByItsOwnNumbers)
{
	for (const std::uint32_t ahead : {0U, 100U, 40'000U}) {
		const QuotedNumbers got = at_server(error(
			GetParam().unreachable, on_the_wire(server_next_ + out_add_ + ahead)));
		EXPECT_EQ(got.sequence, server_next_ + ahead);
		EXPECT_EQ(got.acknowledgement, client_next_);
	}
}

// Only these are sure to be quoted (RFC 792).
TEST_P(IcmpErrors, QuoteNoMoreThanEightBytesOfTcp)
{
	IcmpError little = GetParam().unreachable;
	little.most = GetParam().headers - 12;
	EXPECT_EQ(at_server(error(little, on_the_wire(server_next_ + out_add_))).sequence,
		  server_next_);
}

TEST_P(IcmpErrors, AboutAnAnswerHaveItsPlace)
{
	for (const std::uint32_t into : {0U, 1U, answer_length_ - 1})
		EXPECT_EQ(at_server(error(GetParam().unreachable,
					  on_the_wire(server_next_ + out_add_ - answer_length_ +
						      into)))
				  .sequence,
			  server_next_);
}

TEST_P(IcmpErrors, AboutWhatCameBeforeTheAnswerStayBeforeIt)
{
	EXPECT_EQ(at_server(error(GetParam().unreachable,
				  on_the_wire(server_next_ + out_add_ - answer_length_ - 7)))
			  .sequence,
		  server_next_ - 7);
}

TEST_P(IcmpErrors, AboutTheClientsSegmentsQuoteTheClientsNumbers)
{
	// As the server's stack has got it.
	const Packet at_server = client_segment("what is this?\n", client_next_);
	IcmpError what = GetParam().unreachable;
	what.sender = GetParam().server;
	const Outcome outcome = leaves_frame(icmp_frame(what, at_server));
	EXPECT_EQ(moved_now(), "icmp_errors+1");
	const QuotedNumbers got = quoted_numbers(outcome.frame);
	EXPECT_EQ(got.sequence, client_next_ + in_skip_);
	EXPECT_EQ(got.acknowledgement, server_next_ + out_add_);
}

TEST_P(IcmpErrors, WhatIsNoErrorAboutTheConnectionIsUntouched)
{
	const Packet wire = on_the_wire(server_next_ + out_add_);
	expect_untouched(error(GetParam().no_error, wire));
	IcmpError broken = GetParam().unreachable;
	broken.wrong_checksum = true;
	expect_untouched(error(broken, wire));
	Packet other = wire;
	other.source_port = 22;
	expect_untouched(error(GetParam().unreachable, other));
	other = wire;
	other.transport = Transport::udp;
	expect_untouched(error(GetParam().unreachable, other));
	other = wire;
	other.destination_port = 1;
	expect_untouched(error(GetParam().unreachable, other));
	IcmpError strangers = GetParam().unreachable;
	strangers.receiver = GetParam().client;
	expect_untouched(error(strangers, wire));
	IcmpError cut = GetParam().unreachable;
	cut.most = GetParam().headers - 13;
	expect_untouched(error(cut, wire));
}

// Told with a number that is not under way, it is nobody's who knows the path.
TEST_P(IcmpErrors, AnMtuIsBelievedOnlyWithANumberThatIsUnderWay)
{
	const std::uint32_t known = mss();
	const std::uint32_t client_has = server_next_ + out_add_ - answer_length_;
	const std::uint32_t sent = server_next_ + out_add_;
	for (const std::uint32_t outside : {client_has - 1, sent + 1, client_has + (1U << 31)})
		at_server(error(GetParam().too_big, on_the_wire(outside)));
	EXPECT_EQ(mss(), known);
	at_server(error(GetParam().too_big, on_the_wire(sent)));
	EXPECT_EQ(mss(), 1400 - GetParam().headers);
}

TEST_P(IcmpErrors, AnMtuBoundsTheAnswersThatFollow)
{
	const std::string value(200, 'v');
	cache_long(value);
	EXPECT_EQ(translated_acknowledgement(), kPass);
	moved_now();
	IcmpError small = GetParam().too_big;
	small.word = GetParam().headers == 40 ? 200 : 1; // IPv6 has 1,280 at least
	at_server(error(small, on_the_wire(server_next_ + out_add_)));
	moved_now();
	EXPECT_EQ(mss(), GetParam().headers == 40 ? 160U : 1220U);
	const Outcome outcome = arrives(request(stream_read("long")));
	if (GetParam().headers == 40) {
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_EQ(moved_now(), "requests+1 translations+1 reply_too_long+1 stream+1");
	} else {
		EXPECT_EQ(outcome.verdict, kTransmit);
		EXPECT_EQ(moved_now(), "requests+1 hits+1 stream_hits+1");
	}
}

INSTANTIATE_TEST_SUITE_P(, IcmpErrors, testing::Values(ipv4, ipv6),
			 [](const auto &info) { return info.param.name; });

// The answer that did not fit comes in parts, of which only the last acknowledges the request.
TEST_F(Splice, AnAnswerThatThePathDoesNotTakeIsSentAgainInParts)
{
	begin(client_first, server_first);
	splice();
	const Packet packet = request(stream_read("key"));
	const Segment whole = read("key");
	const IcmpError small{.word = 68, .sender = "10.9.9.9"}; // the least there is
	datapath_.ingress(icmp_frame(small, server_segment(whole.payload, whole.sequence)));
	change([](ps_flow &flow) {
		EXPECT_EQ(flow.splice.mss, 28U);
		flow.splice.mss = 6; // shorter than the answer, which is short here
	});
	std::string got;
	Packet asks = packet;
	for (unsigned part = 0; part < 10 && got.size() < whole.payload.size(); ++part) {
		const Outcome outcome = arrives(asks);
		ASSERT_EQ(outcome.verdict, kTransmit);
		const Segment segment = decoded(outcome.frame);
		EXPECT_EQ(segment.sequence, whole.sequence + got.size());
		EXPECT_LE(segment.payload.size(), 6U);
		got += segment.payload;
		EXPECT_EQ(segment.acknowledgement, got.size() < whole.payload.size()
							   ? packet.tcp_sequence
							   : whole.acknowledgement);
		/* The client acknowledges the part, or asks again for all. */
		asks = part % 2 ? packet : request("");
		asks.tcp_acknowledgement = whole.sequence + static_cast<std::uint32_t>(got.size());
	}
	EXPECT_EQ(got, whole.payload);
	EXPECT_EQ(translated(request("")).acknowledgement, server_next_);
}

} // namespace
} // namespace prestack::test
