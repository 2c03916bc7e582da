// SPDX-License-Identifier: GPL-2.0-only
// memcached refuses some storage commands without reading their data block. What looks like data is
// then executed as a command, so it must invalidate as one. The last case is one whose data is read.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

struct SmuggledCase {
	const char *name;
	const char *
		command; // {n} stands for the length of what follows, {L} for 251 bytes that are no key
};

class SmuggledCommand : public E2eTest, public testing::WithParamInterface<SmuggledCase>
{
};

// Sends and reads until the reply to a last `version`: how many replies come before is memcached's.
void send_and_finish(TcpClient &client, const std::string &command)
{
	client.send(command + "version\r\n");
	while (!client.receive().starts_with("VERSION"))
		continue;
}

TEST_P(SmuggledCommand, Invalidates)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("smuggled");
	testbed.store_and_warm(key, "100");
	std::string command = GetParam().command;
	const std::string data = "incr " + key + " 1";
	for (const auto &[from, to] : {std::pair{"{n}", std::to_string(data.size())},
				       std::pair{"{L}", std::string(251, 'L')}}) {
		const auto at = command.find(from);
		if (at != std::string::npos)
			command.replace(at, 3, to);
	}
	command += "\r\n" + data + "\r\n";
	TcpClient server = testbed.tcp();
	TcpClient control = testbed.control_tcp();
	send_and_finish(server, command);
	send_and_finish(control, command);
	testbed.read(get(key));
	testbed.read(get(key));
}

INSTANTIATE_TEST_SUITE_P(
	Memcached, SmuggledCommand,
	testing::Values(SmuggledCase{"BadFlags", "set x flags 0 {n}"},
			SmuggledCase{"NegativeFlags", "set x -1 0 {n}"},
			SmuggledCase{"FlagsTooLarge", "set x 4294967296 0 {n}"},
			SmuggledCase{"BadExpiry", "set x 0 soon {n}"},
			SmuggledCase{"ExpiryTooLarge", "set x 0 99999999999 {n}"},
			SmuggledCase{"BadLength", "set x 0 0 {n}x"},
			SmuggledCase{"NegativeLength", "set x 0 0 -{n}"},
			SmuggledCase{"LengthTooLarge", "set x 0 0 2147483646"},
			SmuggledCase{"CasWithoutUnique", "cas x 0 0 {n}"},
			SmuggledCase{"CasWithBadUnique", "cas x 0 0 {n} unique"},
			SmuggledCase{"SetWithOneTooMany", "set x 0 0 {n} noreply 1"},
			SmuggledCase{"SetWithASixthThatIsNotNoreply", "set x 0 0 {n} 7"},
			SmuggledCase{"SetWithoutLength", "set x 0 {n}"},
			SmuggledCase{"KeyTooLong", "set {L} 0 0 {n}"},
			SmuggledCase{"MetaSetWithoutLength", "ms x"},
			SmuggledCase{"MetaSetBadLength", "ms x twenty"},
			SmuggledCase{"MetaSetBadFlag", "ms x {n} F!"},
			SmuggledCase{"MetaSetUnknownMode", "ms x {n} MX"},
			SmuggledCase{"MetaSetKeyTooLong", "ms {L} {n}"},
			SmuggledCase{"MetaSetFlagTwice", "ms x {n} T0 T0"},
			SmuggledCase{"AddWithBadFlags", "add x flags 0 {n}"},
			SmuggledCase{"ReplaceWithBadFlags", "replace x flags 0 {n}"},
			SmuggledCase{"SetOfLength", "set x 0 0 {n}"}),
	[](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace prestack::test
