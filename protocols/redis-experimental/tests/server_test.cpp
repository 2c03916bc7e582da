// SPDX-License-Identifier: GPL-2.0-only
// The parser against a real server: what is said to have one reply has one, as the parser of replies counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "every_command.hpp"
#include "server.hpp"
#include "stream_log.hpp"

namespace prestack::redis
{
namespace
{

std::vector<std::string> split(const std::string &line)
{
	std::istringstream stream(line);
	std::vector<std::string> words;
	for (std::string word; stream >> word;)
		words.push_back(word);
	return words;
}

std::vector<std::string> every_line()
{
	std::string text = every_command;
	std::replace(text.begin(), text.end(), ';', '\n');
	std::vector<std::string> lines;
	std::istringstream stream(text);
	for (std::string line; std::getline(stream, line);) {
		if (!line.empty())
			lines.push_back(line.substr(line.find_first_not_of(' ')));
	}
	return lines;
}

// A connection, and both directions of it as the parser sees them.
class Followed
{
public:
	explicit Followed(std::unique_ptr<Connection> connection)
		: connection_(std::move(connection))
	{
	}

	// Sends it, with something behind it whose reply is known, and expects the counts to agree.
	void expect_agreement(const std::string &request)
	{
		const std::string mark = "mark" + std::to_string(++marks_);
		requests.read(request + command({"ECHO", mark}));
		connection_->send(request + command({"ECHO", mark}));
		received = connection_->receive_until(mark + "\r\n");
		replies.read(received);
		EXPECT_FALSE(requests.lost()) << testing::PrintToString(request);
		EXPECT_FALSE(replies.lost()) << testing::PrintToString(received);
		EXPECT_EQ(requests.replies(), replies.replies())
			<< testing::PrintToString(request) << " was answered with "
			<< testing::PrintToString(received);
		EXPECT_EQ(0U, replies.state() & RD_ELEMENTS) << testing::PrintToString(received);
		EXPECT_EQ(0U, requests.state() & (RD_ARGS_COUNT | RD_UNCOUNTED))
			<< testing::PrintToString(request);
	}
	// In a transaction the mark is only queued.
	void expect_agreement_queued(const std::string &request)
	{
		requests.read(request);
		connection_->send(request);
		while (replies.replies() < requests.replies() && !replies.lost())
			replies.read(connection_->receive());
		EXPECT_EQ(requests.replies(), replies.replies()) << testing::PrintToString(request);
	}

	RequestLog requests;
	ReplyLog replies;
	std::string received;

private:
	std::unique_ptr<Connection> connection_;
	unsigned marks_ = 0;
};

void expect_every_command(Followed &followed)
{
	bool transaction = false;
	for (const std::string &text : every_line()) {
		if (text == "MULTI")
			transaction = true;
		if (transaction)
			followed.expect_agreement_queued(command(split(text)));
		else
			followed.expect_agreement(command(split(text)));
		if (text == "EXEC" || text == "DISCARD")
			transaction = false;
		if (testing::Test::HasFailure())
			return;
	}
}

TEST_F(RedisServer, EveryCommandHasOneReply)
{
	Followed followed(connect());
	expect_every_command(followed);
}

TEST_F(RedisServer, EveryCommandHasOneReplyInVersion3)
{
	Followed followed(connect());
	followed.expect_agreement(command({"HELLO", "3"}));
	expect_every_command(followed);
}

TEST_F(RedisServer, AllOfThemAtOnce)
{
	for (const char *version : {"2", "3"}) {
		std::string stream = command({"HELLO", version});
		for (const std::string &line : every_line())
			stream += command(split(line));
		const auto connection = connect();
		connection->send(stream + command({"ECHO", "the end"}));
		const std::string all = connection->receive_until("the end\r\n");
		for (const std::size_t size : {std::size_t{1}, std::size_t{1'448}, all.size()}) {
			RequestLog requests;
			for (const auto &piece : StreamReader::cut(stream, size))
				requests.read(piece);
			ReplyLog replies;
			for (const auto &piece : StreamReader::cut(all, size))
				replies.read(piece);
			EXPECT_FALSE(requests.lost());
			EXPECT_FALSE(replies.lost());
			EXPECT_EQ(every_line().size() + 1, requests.replies()) << size;
			EXPECT_EQ(requests.replies() + 1, replies.replies()) << size;
		}
	}
}

} // namespace
} // namespace prestack::redis
