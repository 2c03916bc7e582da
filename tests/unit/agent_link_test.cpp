// SPDX-License-Identifier: GPL-2.0-only
// The agent's connection, against a server that the test plays, with a codec of one line each way.
#include <algorithm>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/agent_link.hpp"

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

class AgentLinkTest : public testing::Test
{
protected:
	AgentLinkTest() : loop_(*EventLoop::create())
	{
		listener_ = UniqueFd(socket(AF_INET, SOCK_STREAM, 0));
		sockaddr_in address{};
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		socklen_t length = sizeof address;
		auto *generic = reinterpret_cast<sockaddr *>(&address);
		EXPECT_EQ(bind(listener_.get(), generic, length), 0);
		EXPECT_EQ(listen(listener_.get(), 4), 0);
		EXPECT_EQ(getsockname(listener_.get(), generic, &length), 0);
		port_ = ntohs(address.sin_port);
	}

	void make_link(AgentLinkLimits limits = {.first_retry = 1ms, .longest_retry = 2ms})
	{
		link_ = std::make_unique<AgentLink>(
			loop_, Endpoint{*parse_address("0.0.0.0"), port_},
			std::make_unique<LineCodec>(),
			AgentLink::Events{[this] { log_ += "connected "; },
					  [this](const std::string &reason) {
						  log_ += "lost(" + reason + ") ";
					  },
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
	template <typename Condition>
	bool turn_until(Condition condition)
	{
		const auto end = std::chrono::steady_clock::now() + 10s;
		while (!condition() && std::chrono::steady_clock::now() < end) {
			EXPECT_TRUE(loop_.turn(10ms));
			link_->tick();
		}
		return condition();
	}
	bool ask(const std::string &key)
	{
		return link_->ask(key, false, [this, key](const AgentReply *reply, auto) {
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
	std::string heard(std::size_t size)
	{
		std::string text(size, '\0');
		const auto got = recv(server_.get(), text.data(), size, MSG_WAITALL);
		return text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
	}
	void say(std::string_view text) const
	{
		EXPECT_EQ(send(server_.get(), text.data(), text.size(), 0),
			  static_cast<ssize_t>(text.size()));
	}

	EventLoop loop_;
	UniqueFd listener_;
	UniqueFd server_;
	std::uint16_t port_ = 0;
	std::string log_;
	std::unique_ptr<AgentLink> link_;
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
	ASSERT_TRUE(link_->ask("a", false, [&](const AgentReply *, auto at) { told = at; }));
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
