// SPDX-License-Identifier: GPL-2.0-only
// An IPv4 or IPv6 address with a port, in the form the socket calls want.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace prestack::test
{

class Endpoint
{
public:
	// `address` is numeric ("10.0.0.1", "fd00::1"); throws std::invalid_argument otherwise.
	Endpoint(const std::string &address, std::uint16_t port);

	int family() const { return storage_.ss_family; }
	const sockaddr *address() const { return reinterpret_cast<const sockaddr *>(&storage_); }
	socklen_t size() const
	{
		return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
	}
	// True for the same address and port (scope ids are not compared).
	bool operator==(const Endpoint &other) const;

	explicit Endpoint(const sockaddr_storage &storage) : storage_(storage) {}

private:
	sockaddr_storage storage_{};
};

} // namespace prestack::test
