// SPDX-License-Identifier: GPL-2.0-only
// A client of memcached's UDP protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint.hpp"
#include "loader/base/fd.hpp"
#include "netns.hpp"
#include "wait.hpp"

namespace prestack::test
{

// The 8 bytes before each datagram's payload, in host byte order.
struct UdpHeader {
	std::uint16_t request_id = 0;
	std::uint16_t sequence = 0;
	std::uint16_t total = 1;
	std::uint16_t reserved = 0;

	std::string encode() const;
	bool operator==(const UdpHeader &) const = default;
};

struct Datagram {
	UdpHeader header;
	std::string payload;
};

class UdpClient
{
public:
	// A socket in `ns`. `source` binds it to an address of its own choice, when given.
	UdpClient(const Netns &ns, const Endpoint &server, const std::string &source = "");

	// Sends `request` behind a header with a fresh request id, and collects datagrams of that id
	// until they hold `replies` complete replies. Throws std::runtime_error when they never do.
	std::vector<Datagram> exchange(std::string_view request, unsigned replies = 1);
	// The payloads of exchange(), joined in order of arrival.
	std::string ask(std::string_view request, unsigned replies = 1);

	// Sends exactly these bytes as one datagram.
	void send_raw(std::string_view bytes);
	// Sends with a header of the caller's choice.
	void send(const UdpHeader &header, std::string_view payload);
	// The next datagram, whatever its id; nullopt when none arrives in time.
	std::optional<Datagram> receive(Milliseconds patience = default_patience);
	// Collects every datagram of this id until one complete reply is there, or patience ends.
	std::string collect(std::uint16_t request_id, unsigned replies = 1,
			    Milliseconds patience = default_patience);

	// Datagrams that came after their request was answered: two parties answered one request.
	// Counts all since the socket was made, and drops what has arrived. One server thread and
	// a veth keep the order: what strays is there once a later request has been answered.
	unsigned strays();

	std::uint16_t next_request_id() { return ++request_id_; }
	std::uint16_t local_port() const;
	int fd() const { return fd_.get(); }

private:
	UniqueFd fd_;
	std::uint16_t request_id_ = 0;
	unsigned strays_ = 0;
};

// Payloads joined in the given order.
std::string join(const std::vector<Datagram> &datagrams);

} // namespace prestack::test
