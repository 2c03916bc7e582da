// SPDX-License-Identifier: GPL-2.0-only
// The requests of a connection invalidate their keys, whatever segments they come in.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "flow_fixture.hpp"

namespace prestack::test
{

namespace
{

struct Case {
	const char *what;
	std::string request;
	std::vector<std::string> written; // keys that it invalidates
	unsigned replies = 1;
	bool flushes = false;
};

std::vector<Case> cases()
{
	const std::string longest(PS_MAX_KEY, 'k');
	return {
		{"get", stream_get("key"), {}},
		{"quiet get", stream_quiet_get("key"), {}, 0},
		{"set", stream_set("key", "value"), {"key"}},
		{"set to nothing", stream_set("key", ""), {"key"}},
		{"set to what reads like requests",
		 stream_set("other", stream_set("key", "v")),
		 {"other"}},
		{"set of the longest key", stream_set(longest, "value"), {longest}},
		{"set without a reply", stream_quiet_set("key", "value"), {"key"}, 0},
		{"delete", stream_delete({"key"}), {"key"}},
		{"delete of several",
		 stream_delete({"key", "other", "key", "third"}),
		 {"key", "other", "third"}},
		{"pipeline",
		 stream_get("key") + stream_set("other", "x") + stream_get("third") +
			 stream_delete({"third"}) + stream_get("key"),
		 {"other", "third"},
		 5},
		{"flush", kStreamFlush, {}, 1, true},
	};
}

const std::vector<std::string> kKeys{"key", "other", "third", std::string(PS_MAX_KEY, 'k')};

class Flow : public FlowTest
{
protected:
	// Sends the request in the given pieces and checks what is invalidated, and when.
	void check(const Case &c, const std::vector<std::size_t> &cuts)
	{
		request_.source_port++;
		connect();
		cache(kKeys);
		const auto flushes = count(PS_COUNT_flushes);
		std::size_t from = 0;
		for (const std::size_t cut : cuts) {
			EXPECT_EQ(sends(c.request.substr(from, cut - from)), kPass);
			from = cut;
		}
		EXPECT_EQ(sends(c.request.substr(from)), kPass);
		EXPECT_EQ(count(PS_COUNT_flushes), flushes + c.flushes);
		for (const std::string &key : kKeys) {
			const bool written =
				std::count(c.written.begin(), c.written.end(), key) != 0;
			EXPECT_EQ(cached(key), !written && !c.flushes) << key.substr(0, 10);
		}
		const auto state = flow();
		ASSERT_TRUE(state);
		EXPECT_EQ(state->lost, PS_LOST_NOT);
		EXPECT_EQ(state->requests, c.replies);
		EXPECT_EQ(state->in.next, client_next_);
		EXPECT_EQ(state->in.skip, 0u);
		EXPECT_EQ(state->in.carry_len, 0u);
		EXPECT_EQ(state->pushed, c.written.size() + c.flushes +
						 (c.what == std::string("delete of several")));
	}
};

TEST_F(Flow, BeginsWithTheHandshake)
{
	connect();
	EXPECT_EQ(moved_now(), "");
	EXPECT_EQ(sends(stream_get("key")), kPass);
	EXPECT_EQ(moved_now(), "flows+1 stream+1");
	EXPECT_EQ(sends(stream_get("key")), kPass);
	EXPECT_EQ(moved_now(), "stream+1");
}

TEST_F(Flow, EachRequestWhole)
{
	for (const Case &c : cases()) {
		SCOPED_TRACE(c.what);
		check(c, {});
	}
}

TEST_F(Flow, EachRequestSplitAtEveryByte)
{
	for (const Case &c : cases()) {
		SCOPED_TRACE(c.what);
		for (std::size_t cut = 1; cut < c.request.size(); ++cut) {
			SCOPED_TRACE(cut);
			check(c, {cut});
			if (HasFailure())
				return;
		}
	}
}

TEST_F(Flow, EachRequestByteByByte)
{
	for (const Case &c : cases()) {
		SCOPED_TRACE(c.what);
		std::vector<std::size_t> cuts;
		for (std::size_t cut = 1; cut < c.request.size(); ++cut)
			cuts.push_back(cut);
		check(c, cuts);
	}
}

TEST_F(Flow, RandomPipelinesInRandomSegments)
{
	std::mt19937 random(1);
	const auto all = cases();
	for (unsigned round = 0; round < 100; ++round) {
		request_.source_port++;
		connect(static_cast<std::uint32_t>(random()));
		cache(kKeys);
		std::vector<std::string> written;
		std::string stream;
		unsigned replies = 0;
		for (unsigned i = 0; i < 1 + random() % 6; ++i) {
			const Case &c = all[random() % (all.size() - 1)];
			stream += c.request;
			replies += c.replies;
			written.insert(written.end(), c.written.begin(), c.written.end());
		}
		for (std::size_t from = 0; from < stream.size();) {
			const std::size_t length = 1 + random() % 200;
			EXPECT_EQ(sends(stream.substr(from, length)), kPass);
			from += length;
		}
		client_next_ = static_cast<std::uint32_t>(flow()->in.next);
		EXPECT_EQ(flow()->requests, replies);
		EXPECT_EQ(lost(), PS_LOST_NOT);
		for (const std::string &key : kKeys)
			EXPECT_EQ(cached(key),
				  std::count(written.begin(), written.end(), key) == 0);
	}
}

// The command is seen before its body is complete: from then on nothing old may be filled.
TEST_F(Flow, AWriteIsSeenWithItsHead)
{
	connect();
	cache({"key"});
	const std::string request = stream_set("key", "a long value");
	EXPECT_EQ(sends(request.substr(0, 10)), kPass);
	EXPECT_TRUE(cached("key"));
	EXPECT_EQ(sends(request.substr(10, 5)), kPass);
	EXPECT_FALSE(cached("key"));
}

// And again when it is complete: only then the server can execute it.
TEST_F(Flow, ABodyThatIsCompleteRaisesTheFenceAgain)
{
	connect();
	const std::string request = stream_set("key", "a long value");
	EXPECT_EQ(sends(request.substr(0, 15)), kPass);
	EXPECT_EQ(sends(request.substr(15, 5)), kPass);
	cache_old("key");
	EXPECT_EQ(sends(request.substr(20)), kPass);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

// The same for each key of a request, of which the server does nothing before its end is there.
TEST_F(Flow, ARequestThatIsCompleteRaisesTheFencesOfAllItsKeysAgain)
{
	connect();
	const std::string request = stream_delete({"first", "second", "third"});
	const std::size_t cut = request.find("third");
	EXPECT_EQ(sends(request.substr(0, cut - 3)), kPass);
	EXPECT_EQ(sends(request.substr(cut - 3, 3)), kPass);
	for (const char *key : {"first", "second", "third", "other"})
		cache_old(key);
	EXPECT_EQ(sends(request.substr(cut)), kPass);
	for (const char *key : {"first", "second", "third"})
		EXPECT_FALSE(cached(key)) << key;
	EXPECT_TRUE(cached("other"));
	EXPECT_EQ(flow()->requests, 1u);
	EXPECT_EQ(lost(), PS_LOST_NOT);
	// Their replies are still waited for.
	answers(kStreamOk);
	EXPECT_EQ(flow()->popped, 3u);
}

TEST_F(Flow, BodiesOfAnySize)
{
	for (const std::size_t size : {100u, 2000u, 3000u, 10000u, 100000u}) {
		SCOPED_TRACE(size);
		request_.source_port++;
		connect();
		cache(kKeys);
		const std::string request =
			stream_set("key", std::string(size, '\n')) + stream_delete({"other"});
		for (std::size_t from = 0; from < request.size(); from += 1448)
			EXPECT_EQ(sends(request.substr(from, 1448)), kPass);
		EXPECT_EQ(lost(), PS_LOST_NOT);
		EXPECT_EQ(flow()->requests, 2u);
		EXPECT_FALSE(cached("key"));
		EXPECT_FALSE(cached("other"));
		EXPECT_TRUE(cached("third"));
	}
}

// Longer than the window that the plug-in looks at.
TEST_F(Flow, SegmentsOfAnySize)
{
	std::string request;
	while (request.size() < 3000)
		request += stream_get("key");
	for (const std::size_t before : {0u, 2u, 9u}) {
		SCOPED_TRACE(before);
		request_.source_port++;
		connect();
		cache(kKeys);
		if (before != 0) {
			EXPECT_EQ(sends(request.substr(0, before)), kPass);
		}
		EXPECT_EQ(sends(request.substr(before) + stream_delete({"other"})), kPass);
		EXPECT_EQ(lost(), PS_LOST_NOT);
		EXPECT_EQ(flow()->requests, request.size() / stream_get("key").size() + 1);
		EXPECT_FALSE(cached("other"));
		EXPECT_TRUE(cached("key"));
	}
}

// A head that is eaten in parts may be longer than the window, and than the carry.
TEST_F(Flow, AVeryLongHead)
{
	std::vector<std::string> keys;
	for (unsigned i = 0; i < 300; ++i)
		keys.push_back("some-key-" + std::to_string(i));
	const std::string request = stream_delete(keys);
	ASSERT_GT(request.size(), 3000u);
	for (const std::size_t size : {1u, 100u, 700u, 3000u}) {
		SCOPED_TRACE(size);
		request_.source_port++;
		connect();
		cache({"other", keys.front(), keys.back()});
		for (std::size_t from = 0; from < request.size(); from += size)
			EXPECT_EQ(sends(request.substr(from, size)), kPass);
		EXPECT_EQ(lost(), PS_LOST_NOT);
		EXPECT_EQ(flow()->requests, 1u);
		EXPECT_FALSE(cached(keys.front()));
		EXPECT_FALSE(cached(keys.back()));
		// More of them than are remembered until the last one is there.
		EXPECT_FALSE(cached("other"));
	}
}

TEST_F(Flow, OverIpv6)
{
	request_.source = "fd00::2";
	request_.destination = "fd00::1";
	prove_path();
	connect();
	cache(kKeys);
	EXPECT_EQ(sends(stream_set("key", "new").substr(0, 12)), kPass);
	EXPECT_EQ(sends(stream_set("key", "new").substr(12)), kPass);
	EXPECT_FALSE(cached("key"));
	EXPECT_TRUE(cached("other"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(Flow, WithTimestampsAndSelectiveAcknowledgements)
{
	connect();
	cache(kKeys);
	for (const std::string &options :
	     {std::string("\x01\x01\x08\x0a\x01\x02\x03\x04\x05\x06\x07\x08", 12),
	      std::string("\x01\x01\x05\x0a\x01\x02\x03\x04\x05\x06\x07\x08", 12) +
		      std::string(28, '\x01')}) {
		Packet packet = client_segment(stream_set("key", "new"), client_next_);
		packet.tcp_options = options;
		EXPECT_EQ(arrives(packet).verdict, kPass);
		client_next_ += static_cast<std::uint32_t>(packet.payload.size());
		EXPECT_EQ(flow()->in.next, client_next_);
		EXPECT_FALSE(cached("key"));
		cache_old("key");
	}
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(Flow, OnlyWhatHasAGoodChecksumIsRead)
{
	connect();
	cache(kKeys);
	for (const std::size_t size : {5u, 3000u}) {
		Packet packet =
			client_segment(stream_set("key", std::string(size, 'v')), client_next_);
		packet.checksum = Checksum::wrong;
		moved_now();
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_EQ(moved_now(), "bad_checksum+1");
		EXPECT_TRUE(cached("key"));
		packet.checksum = Checksum::partial;
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_FALSE(cached("key"));
		client_next_ += static_cast<std::uint32_t>(packet.payload.size());
		cache_old("key");
		packet = client_segment(packet.payload, client_next_);
		packet.wrong_ip_checksum = true;
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_TRUE(cached("key"));
		packet.wrong_ip_checksum = false;
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_FALSE(cached("key"));
		client_next_ += static_cast<std::uint32_t>(packet.payload.size());
		cache_old("key");
	}
	EXPECT_EQ(lost(), PS_LOST_NOT);
	EXPECT_EQ(flow()->requests, 4u);
}

TEST_F(Flow, WhatIsNotUnderstoodIsLost)
{
	connect();
	EXPECT_EQ(sends(stream_get("key")), kPass);
	cache(kKeys);
	EXPECT_EQ(sends("what is this?\n"), kPass);
	EXPECT_EQ(moved_now(), "flows_lost+1 lost_message+1 flushes+1 stream+1");
	EXPECT_FALSE(cached("other"));
	EXPECT_EQ(lost(), PS_LOST_MESSAGE);
	// From then on it flushes with each payload, either way.
	cache(kKeys);
	EXPECT_EQ(sends(stream_get("key")), kPass);
	EXPECT_EQ(moved_now(), "flushes+1 stream+1");
	EXPECT_FALSE(cached("other"));
	cache(kKeys);
	answers(kStreamOk);
	EXPECT_EQ(moved_now(), "flushes+1");
	EXPECT_FALSE(cached("other"));
}

TEST_F(Flow, UrgentDataIsLost)
{
	connect();
	EXPECT_EQ(sends(stream_get("key")), kPass);
	cache(kKeys);
	Packet packet = client_segment(stream_get("key"), client_next_);
	packet.tcp_flags |= kUrgent;
	EXPECT_EQ(arrives(packet).verdict, kPass);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_URGENT);
}

} // namespace

} // namespace prestack::test
