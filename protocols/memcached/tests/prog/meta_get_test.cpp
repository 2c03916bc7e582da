// SPDX-License-Identifier: GPL-2.0-only
// mg over UDP from the cache. Each answer is what memcached 1.6.18 gives, byte for byte.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "support/datapath.hpp"
#include "support/frame.hpp"
#include "support/packet.hpp"

namespace prestack::test
{
namespace
{

class MetaGet : public testing::Test
{
protected:
	static constexpr int kTransmit = 3; // XDP_TX

	// A request with a number of its own; the answer without its frame header, or "passed".
	std::string ask(const std::string &command)
	{
		Packet packet = client_;
		packet.payload = header(++request_) + command + "\r\n";
		const Outcome outcome = datapath_.ingress(packet.bytes());
		if (outcome.verdict != kTransmit)
			return "passed";
		const auto reply = decode(outcome.frame);
		if (!reply || reply->payload.substr(0, 8) != header(request_))
			return "no frame header";
		return reply->payload.substr(8);
	}
	// The server answers the last request.
	void answer(const std::string &text)
	{
		datapath_.egress(client_.reply(header(request_) + text).bytes());
		datapath_.answer_expiry_questions();
	}
	void fill(const std::string &key, const std::string &value)
	{
		ask("get " + key);
		answer("VALUE " + key + " 7 " + std::to_string(value.size()) + "\r\n" + value +
		       "\r\nEND\r\n");
	}

private:
	static std::string header(unsigned number)
	{
		std::string out(8, '\0');
		out[0] = static_cast<char>(number >> 8);
		out[1] = static_cast<char>(number);
		out[5] = 1;
		return out;
	}

	Datapath datapath_{{.plugin = "memcached"}};
	Packet client_;
	unsigned request_ = 0;
};

TEST_F(MetaGet, AnswersInTheOrderAsked)
{
	fill("key", "value");
	for (const auto &[question, answer] : std::vector<std::pair<std::string, std::string>>{
		     {"key v", "VA 5\r\nvalue\r\n"},
		     {"key", "HD\r\n"},
		     {"key s", "HD s5\r\n"},
		     {"key q", "HD\r\n"},
		     {"key v k f s t q Oabc", "VA 5 kkey f7 s5 t-1 Oabc\r\nvalue\r\n"},
		     {"key Oabc t s q f k v", "VA 5 Oabc t-1 s5 f7 kkey\r\nvalue\r\n"},
		     {"key k q O", "HD kkey O\r\n"},
		     {"key v O" + std::string(31, 'x'),
		      "VA 5 O" + std::string(31, 'x') + "\r\nvalue\r\n"},
		     {"key v O12345678", "VA 5 O12345678\r\nvalue\r\n"}})
		EXPECT_EQ(answer, ask("mg " + question)) << question;
}

TEST_F(MetaGet, PassesAllElse)
{
	fill("key", "value");
	for (const std::string &question :
	     {std::string("absent v"), std::string("key v v"), std::string("key v c"),
	      std::string("key h"), std::string("key l"),
	      std::string("key v O") + std::string(32, 'x'), std::string("key v b"),
	      std::string("key  v"), std::string("key v "), std::string("key vv")})
		EXPECT_EQ("passed", ask("mg " + question)) << question;
	EXPECT_EQ("VA 5\r\nvalue\r\n", ask("mg key v")) << "none of them was a write";
	for (const std::string &question :
	     {std::string("key v T60"), std::string("key E5"), std::string("key u")}) {
		EXPECT_EQ("passed", ask("mg " + question)) << question;
		answer("HD\r\n");
		EXPECT_EQ("passed", ask("mg key v")) << "may have changed it: " << question;
	}
}

} // namespace
} // namespace prestack::test
