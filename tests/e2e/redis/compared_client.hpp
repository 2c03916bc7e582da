// SPDX-License-Identifier: GPL-2.0-only
// A connection to Redis behind prestack and one to Redis alone, which are told the same.
#pragma once

#include <string>
#include <vector>

#include "redis_testbed.hpp"

namespace prestack::test
{

class ComparedClient
{
public:
	explicit ComparedClient(RedisTestbed &testbed)
		: testbed_(testbed), served_(testbed.tcp()), alone_(testbed.alone())
	{
	}

	// Sends without waiting.
	void send(const std::string &bytes);
	// So many replies of both, which must be the same (else a gtest failure); returns them.
	std::string receive(unsigned replies = 1);
	// Both in one.
	std::string ask(const std::vector<std::string> &words);
	std::string ask(const std::string &line);
	// The same with any bytes.
	std::string ask_bytes(const std::string &bytes, unsigned replies = 1);
	// What may differ, like HELLO with the number of the connection, of the Redis behind prestack.
	std::string ask_unlike(const std::string &line);
	// Reads until the kernel answers on this very connection: it has earned it.
	void warm(const std::string &key);
	// Whether the kernel answers this.
	bool hits(const std::vector<std::string> &words);
	// What comes until the servers close, which they have to do.
	std::string receive_to_servers_end();

	TcpClient &served() { return served_; }
	TcpClient &alone() { return alone_; }

private:
	RedisTestbed &testbed_;
	TcpClient served_;
	TcpClient alone_;
};

} // namespace prestack::test
