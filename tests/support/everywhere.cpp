// SPDX-License-Identifier: GPL-2.0-only
#include "everywhere.hpp"

namespace prestack::test
{

Result<void> listen_everywhere(AddressMaps &maps, std::uint16_t port)
{
	ListeningMap listening;
	for (const auto family : {IpFamily::v4, IpFamily::v6}) {
		for (const bool udp : {false, true})
			listening[{{wildcard_of(family), port}, udp}] = 0;
	}
	auto told =
		maps.add_local({parse_prefix("0.0.0.0/0").value(), parse_prefix("::/0").value()})
			.and_then([&] { return maps.set_listening(listening); });
	maps.commit();
	return told;
}

} // namespace prestack::test
