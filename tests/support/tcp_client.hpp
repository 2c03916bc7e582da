// SPDX-License-Identifier: GPL-2.0-only
// A TCP connection whose segments the test controls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "endpoint.hpp"
#include "netns.hpp"
#include "unique_fd.hpp"
#include "wait.hpp"

namespace prestack::test
{

class TcpClient
{
public:
	TcpClient(const Netns &ns, const Endpoint &server);

	// One send() per piece with TCP_NODELAY on: each piece leaves as a segment of its own
	// (as long as it fits the MSS), since the next is sent only once the peer acknowledged it.
	void send_segments(const std::vector<std::string> &pieces);
	void send(std::string_view bytes);
	// Reads until `replies` complete replies are there, and returns them. Throws
	// std::runtime_error when they are not in time or when the server closes.
	std::string receive(unsigned replies = 1);
	std::string ask(std::string_view command, unsigned replies = 1);
	// Says that nothing more will be sent, and reads until the server has closed the connection:
	// then everything that was sent has been executed, or never will be. Throws when it does not.
	std::string receive_to_end();

private:
	// Waits until everything that was sent has been acknowledged.
	void wait_acknowledged();

	UniqueFd fd_;
	std::string buffer_;
};

} // namespace prestack::test
