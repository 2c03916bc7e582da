// SPDX-License-Identifier: GPL-2.0-only
#include "endpoint.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <stdexcept>

namespace prestack::test
{

Endpoint::Endpoint(const std::string &address, std::uint16_t port)
{
	auto *v4 = reinterpret_cast<sockaddr_in *>(&storage_);
	auto *v6 = reinterpret_cast<sockaddr_in6 *>(&storage_);
	if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
	} else {
		throw std::invalid_argument("not a numeric address: " + address);
	}
}

bool Endpoint::operator==(const Endpoint &other) const
{
	if (family() != other.family())
		return false;
	if (family() == AF_INET) {
		const auto *left = reinterpret_cast<const sockaddr_in *>(&storage_);
		const auto *right = reinterpret_cast<const sockaddr_in *>(&other.storage_);
		return left->sin_port == right->sin_port &&
		       left->sin_addr.s_addr == right->sin_addr.s_addr;
	}
	const auto *left = reinterpret_cast<const sockaddr_in6 *>(&storage_);
	const auto *right = reinterpret_cast<const sockaddr_in6 *>(&other.storage_);
	return left->sin6_port == right->sin6_port &&
	       std::memcmp(&left->sin6_addr, &right->sin6_addr, sizeof(in6_addr)) == 0;
}

} // namespace prestack::test
