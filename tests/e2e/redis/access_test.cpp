// SPDX-License-Identifier: GPL-2.0-only
// No new door: who may not read is not told, whatever is cached.
#include "twin.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

class Access : public RedisTest
{
protected:
	static void read_all(Twin &twin, const std::string &key)
	{
		for (int round = 0; round < 4; ++round) {
			for (const char *verb : {"GET", "MGET", "STRLEN", "EXISTS"})
				twin.ask({verb, key});
		}
	}
};

TEST_F(Access, WithAPassword)
{
	RedisStage stage({.redis = {"--requirepass", "secret"}, .credentials = {"secret"}});
	const std::string key = stage.key();
	stage.write_both({"SET", key, "value"});
	for (int i = 0; i < 5; ++i)
		stage.expect_truth(key);
	Twin twin(stage);
	read_all(twin, key);
	twin.ask("AUTH wrong");
	read_all(twin, key);
	twin.ask("AUTH secret");
	read_all(twin, key);
	stage.write_both({"SET", key, "newer"});
	read_all(twin, key);
	twin.ask("RESET");
	read_all(twin, key);
	twin.ask_unlike("HELLO 3 AUTH default secret");
	read_all(twin, key);
}

TEST_F(Access, APasswordThatComesLater)
{
	RedisStage stage;
	const std::string key = stage.cached_key_in_both("value");
	Twin early(stage), other(stage);
	early.earn(key);
	other.earn(key);
	early.ask("CONFIG SET requirepass secret");
	for (int round = 0; round < 3; ++round) {
		read_all(early, key);
		read_all(other, key);
		Twin late(stage);
		read_all(late, key);
	}
	early.ask("CONFIG SET requirepass ''");
}

// Connections that the kernel has answered, whose user is then forbidden to read.
TEST_F(Access, AUserWhoMayReadNoMore)
{
	RedisStage stage;
	for (const char *rule : {"resetkeys", "-get", "-@read", "-@all", "nocommands", "off"}) {
		SCOPED_TRACE(rule);
		const std::string key = stage.cached_key_in_both("value");
		Twin admin(stage), reader(stage);
		admin.ask("ACL SETUSER admin on nopass allkeys allchannels allcommands");
		admin.ask("AUTH admin any");
		reader.earn(key);
		admin.ask(std::string("ACL SETUSER default ") + rule);
		read_all(reader, key);
		read_all(admin, key); // who may, and fills nothing for the others
		read_all(reader, key);
		Twin late(stage);
		read_all(late, key);
		admin.ask("ACL SETUSER default reset on nopass allkeys allchannels allcommands");
		read_all(reader, key);
	}
}

TEST_F(Access, AUserWithKeysOfHisOwn)
{
	RedisStage stage;
	const std::string key = stage.cached_key_in_both("value");
	Twin twin(stage);
	twin.earn(key);
	stage.write_both({"ACL", "SETUSER", "some", "on", ">secret", "~some-*", "+@all"});
	twin.ask("AUTH some wrong");
	read_all(twin, key);
	twin.ask("AUTH some secret");
	// Others are answered by the kernel meanwhile.
	stage.cache(key);
	read_all(twin, key);
	twin.ask("SET some-key x");
	read_all(twin, "some-key");
	twin.ask({"SET", key, "not mine"});
	EXPECT_EQ(stage.expect_truth(key), resp_bulk("value"));
	stage.write_both({"ACL", "SETUSER", "some", "off"});
	read_all(twin, "some-key");
	stage.write_both({"ACL", "DELUSER", "some"}); // and his connections with him
}

} // namespace
} // namespace prestack::test
