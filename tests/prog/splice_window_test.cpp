// SPDX-License-Identifier: GPL-2.0-only
// The client's window, as the server gets to know it: it never holds a right edge that the client did not give.
// core/include/prestack/window.h.
#include "splice_fixture.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned scale = 7; // what tests are told of each client

class SpliceWindow : public Splice
{
protected:
	// What the server's stack makes of a segment's window, as Linux does (tcp_may_update_window).
	void server_takes(const Segment &segment)
	{
		const auto later = [](std::uint32_t a, std::uint32_t b) {
			return static_cast<std::int32_t>(a - b) > 0;
		};
		const std::uint32_t bytes = std::uint32_t{segment.window} << scale;
		if (later(segment.acknowledgement, una_) || later(segment.sequence, told_at_) ||
		    (segment.sequence == told_at_ && bytes > window_)) {
			una_ = segment.acknowledgement;
			told_at_ = segment.sequence;
			window_ = bytes;
		}
	}
	// Bytes that the server may send beyond what the client, which reads nothing, has room for.
	std::int32_t beyond() const
	{
		return static_cast<std::int32_t>(una_ + window_ + out_add_ - edge_);
	}
	// A segment of the client's with what is left of its window.
	Packet with_window(Packet packet) const
	{
		packet.tcp_window =
			static_cast<std::uint16_t>((edge_ - packet.tcp_acknowledgement) >> scale);
		return packet;
	}
	// As the server gets it, whether it is handed over or not.
	Segment passes(const Packet &packet)
	{
		const Outcome outcome = arrives(packet);
		EXPECT_EQ(outcome.verdict, kPass);
		const bool marked = outcome.frame.compare(0, 6, "server") != 0;
		const Segment segment =
			decoded(outcome.frame.substr(marked ? sizeof(ps_handover_mark) : 0));
		server_takes(segment);
		return segment;
	}
	void replies(const std::string &payload)
	{
		Packet packet = reply(payload);
		EXPECT_EQ(leaves(packet).verdict, kNext);
		server_next_ += static_cast<std::uint32_t>(payload.size());
	}

	std::uint32_t edge_ = 0; // the client's right edge, its numbers
	std::uint32_t una_ = 0;
	std::uint32_t told_at_ = 0;
	std::uint32_t window_ = 0;
};

TEST_F(SpliceWindow, EndsEarlierByWhatTheClientLacksOfTheAnswer)
{
	begin();
	splice();
	translated(request(""));
	const std::uint32_t before = server_next_ + out_add_;
	read("key", "old");
	const auto length = static_cast<std::uint32_t>(stream_value("key", "old").size());
	for (const std::uint32_t has : {0U, 1U, length - 1, length}) {
		Packet packet = request(stream_get("x"));
		packet.tcp_acknowledgement = before + has;
		packet.tcp_window = 100;
		const std::uint32_t allowed = ((100U << scale) - (length - has)) >> scale;
		EXPECT_EQ(translated(packet).window, allowed) << has;
		client_next_ += static_cast<std::uint32_t>(packet.payload.size());
	}
	Packet little = request(stream_get("x"));
	little.tcp_acknowledgement = before;
	little.tcp_window = 0;
	EXPECT_EQ(translated(little).window, 0);
}

// With its acknowledgement in the request, or with one by itself before.
TEST_F(SpliceWindow, AClientThatStopsReading)
{
	for (const bool acknowledges_first : {false, true}) {
		SCOPED_TRACE(acknowledges_first);
		in_skip_ = out_add_ = 0;
		begin(0x7fffff00, 0xfffffe00);
		for (char key = 'a'; key < 'd'; ++key)
			EXPECT_TRUE(fill(std::string(1, key), std::string(900, key)));
		edge_ = server_next_ + (100U << scale);
		told_at_ = client_next_ - 1;
		una_ = server_next_ - 1;
		window_ = 100U << scale;
		if (acknowledges_first)
			passes(with_window(request("")));
		moved_now();
		unsigned answered = 0;
		for (unsigned i = 0; i < 40; ++i) {
			const Packet packet =
				with_window(request(stream_read(std::string(1, 'a' + i % 3))));
			const Outcome outcome = arrives(packet);
			const std::string counters = moved_now();
			if (counters.find(" hits+1") == std::string::npos) {
				EXPECT_EQ(counters,
					  "requests+1 translations+1 no_window+1 stream+1");
				server_takes(decoded(outcome.frame));
				EXPECT_LE(beyond(), 0);
				break;
			}
			if (outcome.verdict == kPass)
				server_takes(
					decoded(outcome.frame.substr(sizeof(ps_handover_mark))));
			in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
			out_add_ += static_cast<std::uint32_t>(
				stream_value("a", std::string(900, 'a')).size());
			++answered;
			EXPECT_LE(beyond(), 0) << answered;
			/* A late acknowledgement by itself raises nothing. */
			if (i % 2) {
				passes(with_window(request("")));
				EXPECT_LE(beyond(), 0) << answered;
			}
			moved_now();
		}
		EXPECT_GE(answered, 3U);
		EXPECT_LT(answered, 14U);
		request_.source_port++;
	}
}

// A client that reads is answered on and on, and the server gets all of its window with each request.
TEST_F(SpliceWindow, AClientThatReads)
{
	begin();
	unsigned hits = 0;
	for (unsigned i = 0; i < 100; ++i) {
		Packet packet = request(stream_read("key"));
		moved_now();
		const Outcome outcome = arrives(packet);
		hits += moved_now().find(" hits+1") != std::string::npos;
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(stream_value("key", "old").size());
		/* Now and then late, by itself. */
		if (i % 3 == 0) {
			EXPECT_EQ(arrives(request("")).verdict, kPass);
		}
		if (i % 10 != 9)
			continue;
		const std::string ask = stream_read("unknown");
		EXPECT_EQ(translated(request(ask)).window, request("").tcp_window);
		client_next_ += static_cast<std::uint32_t>(ask.size());
		replies(kStreamNone);
		if (i % 20 == 9) {
			EXPECT_LT(translated(request("")).window, request("").tcp_window);
		}
	}
	EXPECT_EQ(hits, 100U);
}

} // namespace
} // namespace prestack::test
