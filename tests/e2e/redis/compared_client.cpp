// SPDX-License-Identifier: GPL-2.0-only
#include "compared_client.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{

void ComparedClient::send(const std::string &bytes)
{
	served_.send(bytes);
	alone_.send(bytes);
}

std::string ComparedClient::receive(unsigned replies)
{
	std::string served = served_.receive(replies, resp_reply_length);
	const std::string alone = alone_.receive(replies, resp_reply_length);
	EXPECT_EQ(printable(served, served.size()), printable(alone, alone.size()));
	return served;
}

std::string ComparedClient::ask_bytes(const std::string &bytes, unsigned replies)
{
	send(bytes);
	return receive(replies);
}

std::string ComparedClient::ask(const std::vector<std::string> &words)
{
	return ask_bytes(resp(words));
}

std::string ComparedClient::ask(const std::string &line)
{
	SCOPED_TRACE(line);
	return ask_bytes(resp_line(line));
}

std::string ComparedClient::ask_unlike(const std::string &line)
{
	send(resp_line(line));
	alone_.receive(1, resp_reply_length);
	return served_.receive(1, resp_reply_length);
}

void ComparedClient::warm(const std::string &key)
{
	EXPECT_TRUE(eventually([&] {
		return hits({"GET", key});
	})) << "the kernel never answered on this connection";
}

bool ComparedClient::hits(const std::vector<std::string> &words)
{
	const std::uint64_t before = testbed_.count(PS_COUNT_stream_hits);
	ask(words);
	return testbed_.count(PS_COUNT_stream_hits) != before;
}

std::string ComparedClient::receive_to_servers_end()
{
	std::string served = served_.receive_to_servers_end();
	EXPECT_EQ(printable(served), printable(alone_.receive_to_servers_end()));
	return served;
}

} // namespace prestack::test
