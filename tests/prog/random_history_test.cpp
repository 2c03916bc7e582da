// SPDX-License-Identifier: GPL-2.0-only
// Random histories keep the promise: once the reply to a write has left, no read that arrives later is
// answered with what was there before. The server executes requests in any order, replies are late or
// lost, request numbers are used again while replies are under way, and holds run out at any moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>

#include "fence_fixture.hpp"
#include "support/frame.hpp"

namespace prestack::test
{

namespace
{

struct Way {
	const char *name;
	unsigned numbers; // that a client uses; 0: never one again while it may be answered
	std::uint32_t places; // of requests that wait for replies
	unsigned seed;
};

class RandomHistory : public FenceTest, public testing::WithParamInterface<Way>
{
protected:
	static constexpr int kOperations = 40000;
	static constexpr std::size_t kMostUnderWay = 12;

	struct Request {
		Packet packet;
		std::string key;
		bool write = false;
		bool understood = true;
		unsigned id = 0;
	};
	struct Reply {
		std::string frame;
		std::string key; // of a write
		unsigned version = 0;
	};

	RandomHistory() : FenceTest(GetParam().places), random_(GetParam().seed) {}

	unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
	template <typename T>
	T take(std::vector<T> &from)
	{
		const std::size_t at = below(static_cast<unsigned>(from.size()));
		T taken = std::move(from[at]);
		from.erase(from.begin() + static_cast<std::ptrdiff_t>(at));
		return taken;
	}

	void request(bool write)
	{
		Request request;
		request.packet = request_;
		request.packet.source_port = static_cast<std::uint16_t>(40000 + below(2));
		request.key = "key" + std::to_string(below(3));
		request.write = write;
		request.understood = !write || below(20) != 0;
		request.id = GetParam().numbers != 0 ? below(GetParam().numbers) : next_id();
		request.packet.payload = !write ? toy_get(request.key, request.id)
					 : request.understood
						 ? toy_set(request.key, "x", request.id)
						 : toy_none(request.id);
		const Outcome outcome = datapath_.ingress(request.packet.bytes());
		if (outcome.verdict == kPass) {
			if (arrived_.size() < kMostUnderWay)
				arrived_.push_back(std::move(request));
			return;
		}
		ASSERT_FALSE(write);
		++hits_;
		const std::string payload = decode(outcome.frame)->payload;
		const auto version =
			static_cast<unsigned>(std::stoul(payload.substr(payload.rfind(' ') + 1)));
		ASSERT_GE(version, acknowledged_[request.key]) << request.key;
	}
	void execute()
	{
		if (arrived_.empty())
			return;
		const Request request = take(arrived_);
		unsigned &version = stored_[request.key];
		Reply reply;
		if (request.write) {
			reply.key = request.key;
			reply.version = ++version;
		}
		reply.frame = request.packet
				      .reply(request.write ? toy_ok(request.id)
							   : toy_value(request.key,
								       std::to_string(version),
								       request.id))
				      .bytes();
		if (below(200) != 0 && leaving_.size() < kMostUnderWay)
			leaving_.push_back(std::move(reply));
	}
	void leave()
	{
		if (leaving_.empty())
			return;
		const Reply reply = take(leaving_);
		datapath_.egress(reply.frame);
		if (reply.version != 0)
			acknowledged_[reply.key] =
				std::max(acknowledged_[reply.key], reply.version);
	}

	std::mt19937 random_;
	std::vector<Request> arrived_;
	std::vector<Reply> leaving_;
	std::map<std::string, unsigned> stored_;
	std::map<std::string, unsigned> acknowledged_;
	unsigned hits_ = 0;
};

TEST_P(RandomHistory, NothingOlderThanAnAcknowledgedWrite)
{
	for (int i = 0; i < kOperations; ++i) {
		SCOPED_TRACE("operation " + std::to_string(i));
		const unsigned dice = below(1000);
		if (dice < 300)
			request(false);
		else if (dice < 320)
			request(true);
		else if (dice < 660)
			execute();
		else if (dice < 994)
			leave();
		else if (dice < 998)
			let_holds_run_out();
		else if (GetParam().numbers == 0) // else a read may be forgotten too early
			let_requests_grow_old();
		if (HasFatalFailure() || HasNonfatalFailure())
			return;
	}
	std::cout << hits_ << " hits, " << count(PS_COUNT_fills) << " fills, "
		  << count(PS_COUNT_replies) << " replies matched, " << count(PS_COUNT_flushes)
		  << " flushes\n";
	EXPECT_GT(hits_, 100u);
	EXPECT_GT(count(PS_COUNT_fills), 20u);
	EXPECT_GT(count(PS_COUNT_replies), 50u);
	RecordProperty("hits", static_cast<int>(hits_));
}

INSTANTIATE_TEST_SUITE_P(Ways, RandomHistory,
			 testing::Values(Way{"NumbersUsedOnce", 0, 32768, 1},
					 Way{"FewNumbers", 1000, 32768, 2},
					 Way{"FewPlaces", 0, 8, 3}, Way{"FewOfBoth", 1000, 64, 4}),
			 [](const auto &info) { return info.param.name; });

} // namespace

} // namespace prestack::test
