// SPDX-License-Identifier: GPL-2.0-only
// What the tests of the end of an instance share: connections that outlive it.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <memory>

#include "fixture.hpp"
#include "support/hooks.hpp"

namespace prestack::test
{

// The reply of the server, or of the kernel, to a get of one key.
inline std::string found(const std::string &key, const std::string &value)
{
	return "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value +
	       "\r\nEND\r\n";
}

class TakeoverTest : public E2eTest
{
protected:
	// Of its own for every test: each kills something.
	Testbed &testbed()
	{
		if (!testbed_)
			testbed_ = std::make_unique<Testbed>(TestbedOptions{});
		return *testbed_;
	}
	Prestack &prestack() { return testbed().prestack(); }
	Hooks hooks() { return hooks_of(testbed().server_ns(), "veth0"); }
	nlohmann::json status()
	{
		return nlohmann::json::parse(prestack().cli("status --json").output);
	}
	std::uint64_t translated()
	{
		return status().at("connections").at("translated").get<std::uint64_t>();
	}
	bool is_pinned()
	{
		struct stat unused;
		return ::stat(("/sys/fs/bpf/prestack/" + prestack().name()).c_str(), &unused) == 0;
	}
	void expect_nothing_left()
	{
		EXPECT_EQ(hooks(), Hooks{}) << "still attached";
		EXPECT_FALSE(is_pinned());
	}

	// Reads the key over the connection until the kernel has answered one of these reads: from then on
	// the connection needs translation.
	void splice(TcpClient &client, const std::string &key, const std::string &value)
	{
		const auto before = prestack().counter("stream_hits");
		ASSERT_TRUE(eventually([&] {
			EXPECT_EQ(client.ask(get(key)), found(key, value));
			return prestack().counter("stream_hits") > before;
		})) << "never answered over TCP\n"
		    << prestack().stats().dump(2);
	}
	bool serves_tcp()
	{
		TcpClient client = testbed().tcp();
		const std::string key = testbed().key("probe");
		testbed().store_and_warm(key, "value");
		return eventually(
			[&] {
				return client.ask(get(key)) == found(key, "value") &&
				       prestack().counter("stream_hits") > 0;
			},
			Milliseconds{2000});
	}
	// What the next start() will run with.
	void change_config(const std::string &was, const std::string &now)
	{
		std::ifstream in(prestack().config_file());
		std::string toml{std::istreambuf_iterator<char>(in), {}};
		const auto at = toml.find(was);
		ASSERT_NE(at, std::string::npos);
		toml.replace(at, was.size(), now);
		std::ofstream(prestack().config_file()) << toml;
	}
	void change_tables() { change_config("associativity = 4", "associativity = 8"); }
	// Writes and reads over the connection, each answer the right one.
	void use(TcpClient &client, const std::string &key, const std::string &label)
	{
		for (int i = 0; i < 20; ++i) {
			const std::string value = label + " " + std::to_string(i);
			ASSERT_EQ(client.ask(store(key, value)), "STORED\r\n");
			for (int j = 0; j < 5; ++j)
				ASSERT_EQ(client.ask(get(key)), found(key, value)) << i << " " << j;
		}
	}

private:
	std::unique_ptr<Testbed> testbed_;
};

} // namespace prestack::test
