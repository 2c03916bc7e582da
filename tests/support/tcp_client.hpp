// SPDX-License-Identifier: GPL-2.0-only
// A TCP connection whose segments the test controls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint.hpp"
#include "loader/base/fd.hpp"
#include "netns.hpp"
#include "text_protocol.hpp"
#include "wait.hpp"

namespace prestack::test
{

struct TcpOptions {
	std::uint16_t source_port = 0; // 0: any
	std::optional<std::uint32_t> first_sequence{}; // of the handshake; data begins one later
	bool acknowledge_with_data =
		false; // the handshake's last acknowledgement comes with the first data
};

// Length of the first complete reply in a stream, 0 while it is incomplete.
using ReplyLength = std::size_t (*)(std::string_view stream);

class TcpClient
{
public:
	TcpClient(const Netns &ns, const Endpoint &server, const TcpOptions &options = {});

	// One send() per piece with TCP_NODELAY on: each piece leaves as a segment of its own
	// (as long as it fits the MSS), since the next is sent only once the peer acknowledged it.
	void send_segments(const std::vector<std::string> &pieces);
	void send(std::string_view bytes);
	// Reads until `replies` complete replies are there, and returns them. Throws
	// std::runtime_error when they are not in time or when the server closes.
	std::string receive(unsigned replies = 1, ReplyLength length = reply_length);
	std::string ask(std::string_view command, unsigned replies = 1,
			ReplyLength length = reply_length);
	// Says that nothing more will be sent, and reads until the server has closed the connection:
	// then everything that was sent has been executed, or never will be. Throws when it does not.
	std::string receive_to_end();
	// The same without saying so: the server is to close by itself, and keeps what remains of
	// the connection, so that its port can be used again at once.
	std::string receive_to_servers_end();

	std::uint16_t local_port() const;
	int fd() const { return fd_.get(); }

private:
	// Waits until everything that was sent has been acknowledged.
	void wait_acknowledged();

	UniqueFd fd_;
	std::string buffer_;
};

} // namespace prestack::test
