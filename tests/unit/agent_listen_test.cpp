// SPDX-License-Identifier: GPL-2.0-only
// The agent's connection hears of changes that the server announces. The test plays the server.
#include <gtest/gtest.h>

#include "agent_link_fixture.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;
using Status = AgentReply::Status;

// "hello\n" and "listen\n" open, each is answered "ok\n" or "no\n". "beat\n" is answered the same. A
// question is "key\n", its answer "a\n", and "b\n". ">key,key\n" is news, ">*\n" of anything.
class ChangeFeedCodec final : public AgentCodec
{
public:
	bool encode(const AgentQuestion &question, std::string &out) override
	{
		out += std::string(question.key) + "\n";
		return true;
	}
	AgentReply decode(const AgentQuestion &, std::string_view input) override
	{
		auto reply = line(input, "a", "b");
		if (input.starts_with("a\n")) {
			reply.status = Status::part;
		} else if (input.starts_with("b\n")) {
			reply.status = Status::answered;
		}
		return reply;
	}
	AgentReply decode_repair(std::string_view) override { return {}; }
	unsigned open(std::string &out) override
	{
		out += "hello\nlisten\n";
		return 2;
	}
	AgentReply decode_opening(std::string_view input) override
	{
		return line(input, "ok", "no");
	}
	bool needs_change_feed() const override { return true; }
	FeedMessage decode_feed(std::string_view input) override
	{
		FeedMessage message;
		if (!input.starts_with('>')) {
			return message;
		}
		const auto end = input.find('\n');
		if (end == std::string_view::npos) {
			message.status = FeedMessage::Status::incomplete;
			return message;
		}
		message.status =
			end > 1 ? FeedMessage::Status::changes : FeedMessage::Status::broken;
		message.consumed = end + 1;
		auto text = input.substr(1, end - 1);
		message.any_key = text == "*";
		while (!message.any_key && !text.empty()) {
			const auto comma = std::min(text.find(','), text.size());
			message.keys.push_back(text.substr(0, comma));
			text.remove_prefix(std::min(comma + 1, text.size()));
		}
		return message;
	}
	void encode_heartbeat(std::string &out) override { out += "beat\n"; }
	AgentReply decode_heartbeat(std::string_view input) override
	{
		return line(input, "ok", "no");
	}

private:
	static AgentReply line(std::string_view input, std::string_view good, std::string_view bad)
	{
		AgentReply reply;
		const auto end = input.find('\n');
		if (end == std::string_view::npos) {
			return reply;
		}
		reply.consumed = end + 1;
		const auto text = input.substr(0, end);
		reply.status = text == good  ? Status::answered
			       : text == bad ? Status::refused
					     : Status::broken;
		return reply;
	}
};

class AgentListenTest : public AgentLinkFixture
{
protected:
	void make_link(AgentLinkLimits limits = {
			       .first_retry = 1ms, .longest_retry = 2ms, .heartbeat = 1h})
	{
		AgentLink::Events events;
		events.connected = [this] { log_ += "connected "; };
		events.lost = [this](const std::string &reason) {
			log_ += "lost(" + reason + ") ";
		};
		events.batch_done = [] {};
		events.refused = [this] { log_ += "refused "; };
		events.changes = [this](const FeedMessage &message) {
			log_ += message.any_key ? "anything " : "";
			for (const auto key : message.keys) {
				log_ += "change(" + std::string(key) + ") ";
			}
		};
		events.caught_up = [this] { log_ += "caught_up "; };
		make(std::make_unique<ChangeFeedCodec>(), std::move(events), limits);
	}
	void greet()
	{
		accept_link();
		EXPECT_EQ(heard(13), "hello\nlisten\n");
	}
	void open()
	{
		greet();
		say("ok\nok\n");
		ASSERT_TRUE(turn_until([this] { return link_->connected(); }));
		EXPECT_EQ(heard(5), "beat\n") << "at once";
		EXPECT_EQ(log_, "connected ");
		log_.clear();
	}
	void ask(const std::string &key)
	{
		ASSERT_TRUE(link_->ask({key}, [this, key](const AgentReply *reply, auto) {
			log_ += key + (reply == nullptr ? "=none " : "=answered ");
		}));
		link_->push();
	}
	void expect(const std::string &log)
	{
		EXPECT_TRUE(turn_until([&] { return log_.size() >= log.size(); }));
		EXPECT_EQ(log_, log);
		log_.clear();
	}
};

TEST_F(AgentListenTest, IsOpenWhenTheOpeningIsAccepted)
{
	make_link();
	greet();
	say("ok\n");
	ASSERT_TRUE(loop_.turn(100ms));
	EXPECT_FALSE(link_->connected());
	EXPECT_FALSE(link_->ask({"early"}, nullptr));
	say("ok\n");
	ASSERT_TRUE(turn_until([this] { return link_->connected(); }));
	EXPECT_FALSE(link_->caught_up_to()) << "not before a heartbeat was answered";
}

TEST_F(AgentListenTest, ARefusedOpeningIsALoss)
{
	make_link();
	greet();
	say("ok\nno\n");
	expect("refused lost(the server does not let us in) ");
	open(); // and is tried again
}

TEST_F(AgentListenTest, ASilentServerIsNotOpen)
{
	make_link({.patience = 50ms, .first_retry = 1ms, .heartbeat = 1h});
	greet();
	expect("lost(no answer in time) ");
}

TEST_F(AgentListenTest, NewsComesAtAnyTime)
{
	make_link();
	open();
	say(">a,b\n");
	expect("change(a) change(b) ");
	ask("key");
	EXPECT_EQ(heard(4), "key\n");
	say("ok\n>c\na\n>d\n"); // the heartbeat's answer, and half of the question's
	expect("caught_up change(c) change(d) ");
	say(">*\nb\n>");
	expect("anything key=answered ");
	say("e\n");
	expect("change(e) ");
}

// A server may send the news of a turn after that turn's answers.
TEST_F(AgentListenTest, IsHeardUpToTheHeartbeatBefore)
{
	make_link({.first_retry = 1ms, .longest_retry = 2ms, .heartbeat = 1ms});
	open();
	const auto opened = AgentLink::Clock::now();
	say("ok\n");
	ASSERT_TRUE(turn_until([this] { return link_->caught_up_to().has_value(); }));
	EXPECT_LT(*link_->caught_up_to(), opened);
	const auto first = *link_->caught_up_to();
	EXPECT_EQ(heard(5), "beat\n");
	EXPECT_EQ(link_->in_flight(), 1U) << "one at a time";
	say("ok\n");
	ASSERT_TRUE(turn_until([&] { return *link_->caught_up_to() != first; }));
	const auto second = *link_->caught_up_to();
	EXPECT_GT(second, first);
	EXPECT_LT(second, opened) << "that is when the first heartbeat was sent";
	EXPECT_EQ(heard(5), "beat\n");
	say("no\n");
	EXPECT_EQ(heard(5), "beat\n") << "tried again";
	EXPECT_EQ(*link_->caught_up_to(), second) << "and proves nothing";
}

TEST_F(AgentListenTest, ALossEndsHearing)
{
	make_link();
	open();
	say("ok\n");
	expect("caught_up ");
	server_.reset();
	expect("lost(closed by the server) ");
	EXPECT_FALSE(link_->caught_up_to());
	open();
	EXPECT_FALSE(link_->caught_up_to());
}

TEST_F(AgentListenTest, NonsenseInBetweenIsALoss)
{
	for (const std::string nonsense : {">\n", "ok\nok\n", "?\n"}) {
		log_.clear();
		make_link();
		open();
		say(nonsense);
		EXPECT_TRUE(turn_until([this] { return log_.find("lost") != std::string::npos; }))
			<< nonsense;
	}
}

} // namespace
} // namespace prestack
