// SPDX-License-Identifier: GPL-2.0-only
// From the map that a killed loader left, the loader tells which connections need translation, also
// when another version wrote the map.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prestack/flow.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/fd.hpp"
#include "watch/spliced_connections.hpp"

namespace prestack::test
{
namespace
{

// One connection over loopback, and a map with the flow of it.
class SplicedConnectionsTest : public testing::Test
{
protected:
	SplicedConnectionsTest()
	{
		sockaddr_in address{};
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		auto *any = reinterpret_cast<sockaddr *>(&address);
		socklen_t size = sizeof address;
		EXPECT_EQ(bind(listener_.get(), any, size), 0);
		EXPECT_EQ(listen(listener_.get(), 1), 0);
		EXPECT_EQ(getsockname(listener_.get(), any, &size), 0);
		port_ = ntohs(address.sin_port);
		EXPECT_EQ(connect(client_.get(), any, size), 0);
		server_ = UniqueFd(accept(listener_.get(), nullptr, nullptr));
		EXPECT_GE(server_.get(), 0);
	}

	// How many are spliced by a map with such elements, of which one is the connection's, if it can be.
	std::size_t listed(std::size_t key_size, std::size_t value_size, bool there,
			   bool known_layout, bool in_use = true, bool its_own = true)
	{
		const UniqueFd map(bpf_map_create(BPF_MAP_TYPE_HASH, "flows",
						  static_cast<__u32>(key_size),
						  static_cast<__u32>(value_size), 4, nullptr));
		EXPECT_GE(map.get(), 0);
		if (there) {
			std::vector<char> value(value_size);
			ps_flow flow{};
			flow.key = key();
			flow.key.client[1] ^= its_own ? 0 : 1;
			flow.splice.in_skip = in_use ? 1 : 0;
			std::memcpy(value.data(), &flow, std::min(value_size, sizeof flow));
			const auto hash = flow.key.hash;
			EXPECT_EQ(bpf_map_update_elem(map.get(), &hash, value.data(), BPF_ANY), 0);
		}
		const auto spliced = SplicedConnections::open(map.get(), {port_}, {}, known_layout);
		EXPECT_TRUE(spliced);
		const auto list = spliced->list();
		EXPECT_TRUE(list);
		return list->size();
	}

private:
	ps_flow_key key() const
	{
		const auto diag = ConnectionDiag::open();
		const auto connections = diag->on_port(port_);
		EXPECT_EQ(connections->size(), 1u);
		return flow_keys(connections->at(0), {}).at(0);
	}

	UniqueFd listener_{socket(AF_INET, SOCK_STREAM, 0)};
	UniqueFd client_{socket(AF_INET, SOCK_STREAM, 0)};
	UniqueFd server_;
	std::uint16_t port_ = 0;
};

constexpr std::size_t kKey = sizeof(std::uint64_t);

TEST_F(SplicedConnectionsTest, IsAConnectionWithAnswers)
{
	EXPECT_EQ(listed(kKey, sizeof(ps_flow), true, true), 1u);
	EXPECT_EQ(listed(kKey, sizeof(ps_flow), true, true, false), 0u);
	EXPECT_EQ(listed(kKey, sizeof(ps_flow), false, true), 0u);
}

// Its element is another connection's.
TEST_F(SplicedConnectionsTest, IsNotWhatHasTheSameHash)
{
	EXPECT_EQ(listed(kKey, sizeof(ps_flow), true, true, true, false), 0u);
}

// What the element says cannot be read: each of them may be.
TEST_F(SplicedConnectionsTest, WithAnotherLayoutIsEachThatIsFollowed)
{
	EXPECT_EQ(listed(kKey, sizeof(ps_flow), true, false, false), 1u);
	EXPECT_EQ(listed(kKey, sizeof(ps_flow), false, false), 0u);
	EXPECT_EQ(listed(kKey, sizeof(ps_flow) - 8, true, true, false), 1u);
	EXPECT_EQ(listed(kKey, sizeof(ps_flow) + 8, true, true, false), 1u);
	EXPECT_EQ(listed(kKey, sizeof(ps_flow) + 8, false, true), 0u);
}

// Nobody knows which are followed.
TEST_F(SplicedConnectionsTest, WithOtherKeysIsEachThereIs)
{
	EXPECT_EQ(listed(40, sizeof(ps_flow), false, true), 1u);
	EXPECT_EQ(listed(4, sizeof(ps_flow), false, true), 1u);
}

} // namespace
} // namespace prestack::test
