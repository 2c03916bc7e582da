// SPDX-License-Identifier: GPL-2.0-only
// The agent's connection sends questions and matches the answers. The test plays the server, with a
// codec of one line each way.
#include <thread>

#include <gtest/gtest.h>

#include "agent_link_fixture.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;
using Status = AgentReply::Status;

// "key\n" is asked. "+N\n" is N seconds left, "-\n" absent, "!\n" refused, "*N\n" N bytes nobody
// wants, "w\n" something to repair with "fix\n", whose answer is "ok\n".
class LineCodec final : public AgentCodec
{
public:
	bool encode(const AgentQuestion &question, std::string &out) override
	{
		if (question.key == "bad") {
			return false;
		}
		out += std::string(question.key) + "\n";
		return true;
	}
	AgentReply decode(const AgentQuestion &, std::string_view input) override
	{
		AgentReply reply;
		const auto end = input.find('\n');
		if (end == std::string_view::npos) {
			return reply;
		}
		reply.consumed = end + 1;
		reply.status = Status::answered;
		switch (input.front()) {
		case '+':
			reply.present = true;
			reply.seconds_left = std::stoul(std::string(input.substr(1, end - 1)));
			break;
		case '*':
			reply.present = true;
			reply.consumed += std::stoul(std::string(input.substr(1, end - 1)));
			break;
		case 'w':
			reply.repair = "fix\n";
			break;
		case '-':
			break;
		case '!':
			reply.status = Status::refused;
			break;
		default:
			reply.status = Status::broken;
		}
		return reply;
	}
	AgentReply decode_repair(std::string_view input) override
	{
		AgentReply reply;
		if (input.starts_with("ok\n")) {
			reply.status = Status::answered;
			reply.consumed = 3;
		} else if (input.size() >= 3) {
			reply.status = Status::broken;
		}
		return reply;
	}
};

class AgentLinkTest : public AgentLinkFixture
{
protected:
	void make_link(AgentLinkLimits limits = {.first_retry = 1ms, .longest_retry = 2ms})
	{
		make(std::make_unique<LineCodec>(),
		     AgentLink::Events{
			     [this] { log_ += "connected "; },
			     [this](const std::string &reason) { log_ += "lost(" + reason + ") "; },
			     [this] { log_ += "drained "; }},
		     limits);
	}
	void connect()
	{
		// The backlog takes it before it is accepted.
		ASSERT_TRUE(turn_until([this] {
			link_->tick();
			return link_->connected();
		}));
		server_ = UniqueFd(accept(listener_.get(), nullptr, nullptr));
		log_.clear();
	}
	bool ask(const std::string &key)
	{
		return link_->ask({key}, [this, key](const AgentReply *reply, auto) {
			log_ += key + "=";
			if (reply == nullptr) {
				log_ += "none ";
			} else if (reply->status == Status::refused) {
				log_ += "refused ";
			} else {
				log_ += reply->present
						? std::to_string(reply->seconds_left.value_or(0)) +
							  " "
						: "absent ";
			}
		});
	}
};

TEST_F(AgentLinkTest, AnswersComeInTheOrderOfTheQuestions)
{
	make_link();
	EXPECT_FALSE(ask("early")) << "there is no connection yet";
	connect();
	ASSERT_TRUE(link_->local());
	EXPECT_TRUE(ask("a"));
	EXPECT_TRUE(ask("b"));
	EXPECT_TRUE(ask("c"));
	EXPECT_FALSE(ask("bad"));
	link_->push();
	EXPECT_EQ(heard(6), "a\nb\nc\n");
	say("+5\n-\n!");
	ASSERT_TRUE(turn_until([this] { return link_->in_flight() == 1; }));
	say("\n");
	ASSERT_TRUE(turn_until([this] { return link_->in_flight() == 0; }));
	EXPECT_EQ(log_, "a=5 b=absent drained c=refused drained ");
}

TEST_F(AgentLinkTest, TheTimeIsThatBeforeAsking)
{
	make_link();
	connect();
	const auto before = AgentLink::Clock::now();
	AgentLink::Clock::time_point told{};
	ASSERT_TRUE(link_->ask({"a"}, [&](const AgentReply *, auto at) { told = at; }));
	const auto after = AgentLink::Clock::now();
	link_->push();
	EXPECT_EQ(heard(2), "a\n");
	std::this_thread::sleep_for(20ms);
	say("+5\n");
	ASSERT_TRUE(turn_until([&] { return told != AgentLink::Clock::time_point{}; }));
	EXPECT_GE(told, before);
	EXPECT_LE(told, after);
}

TEST_F(AgentLinkTest, NoMoreThanSoManyAtATime)
{
	make_link({.in_flight = 2});
	connect();
	EXPECT_TRUE(ask("a"));
	EXPECT_TRUE(ask("b"));
	EXPECT_FALSE(ask("c"));
	link_->push();
	say("+1\n");
	ASSERT_TRUE(turn_until([this] { return link_->in_flight() == 1; }));
	EXPECT_TRUE(ask("c"));
}

TEST_F(AgentLinkTest, AServerThatIsStuckIsLeft)
{
	make_link({.patience = 50ms, .first_retry = 1ms});
	connect();
	EXPECT_TRUE(ask("a"));
	EXPECT_TRUE(ask("b"));
	link_->push();
	ASSERT_TRUE(turn_until([this] { return !log_.empty(); }));
	EXPECT_EQ(log_, "a=none b=none lost(no answer in time) ");
	connect();
}

TEST_F(AgentLinkTest, AConnectionThatIsClosedIsMadeAgain)
{
	make_link();
	connect();
	EXPECT_TRUE(ask("a"));
	link_->push();
	EXPECT_EQ(heard(2), "a\n");
	server_.reset();
	ASSERT_TRUE(turn_until([this] { return !log_.empty(); }));
	EXPECT_EQ(log_, "a=none lost(closed by the server) ");
	EXPECT_FALSE(link_->local());
	connect();
	EXPECT_TRUE(ask("b"));
	link_->push();
	EXPECT_EQ(heard(2), "b\n") << "nothing of the old conversation is left";
}

TEST_F(AgentLinkTest, NonsenseEndsTheConversation)
{
	for (const std::string nonsense : {"hello\n", "+1\nunasked\n"}) {
		make_link();
		connect();
		EXPECT_TRUE(ask("a"));
		link_->push();
		say(nonsense);
		ASSERT_TRUE(turn_until([this] { return log_.find("lost") != std::string::npos; }))
			<< nonsense;
	}
}

TEST_F(AgentLinkTest, BytesThatNobodyWantsAreSkipped)
{
	make_link();
	connect();
	EXPECT_TRUE(ask("a"));
	EXPECT_TRUE(ask("b"));
	link_->push();
	say("*6\nab");
	ASSERT_TRUE(turn_until([this] { return link_->in_flight() == 1; }));
	say("cd");
	ASSERT_TRUE(loop_.turn(100ms));
	say("ef+7\n");
	ASSERT_TRUE(turn_until([this] { return link_->in_flight() == 0; }));
	EXPECT_NE(log_.find("b=7"), std::string::npos) << log_;
}

TEST_F(AgentLinkTest, ARepairIsSentAndItsAnswerIsNobodysElse)
{
	make_link();
	connect();
	EXPECT_TRUE(ask("a"));
	link_->push();
	EXPECT_EQ(heard(2), "a\n");
	say("w\n");
	ASSERT_TRUE(turn_until([this] { return !log_.empty(); }));
	EXPECT_EQ(heard(4), "fix\n");
	EXPECT_TRUE(ask("b"));
	link_->push();
	say("ok\n+3\n");
	ASSERT_TRUE(turn_until([this] { return link_->in_flight() == 0; }));
	EXPECT_NE(log_.find("b=3"), std::string::npos) << log_;
}

TEST_F(AgentLinkTest, NobodyThereIsNoFailure)
{
	listener_.reset();
	make_link();
	link_->tick();
	ASSERT_TRUE(turn_until([this] { return !log_.empty(); }));
	EXPECT_EQ(log_.substr(0, 24), "lost(Connection refused)");
}

} // namespace
} // namespace prestack
