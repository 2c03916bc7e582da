// SPDX-License-Identifier: GPL-2.0-only
// No new door: who may not read is not told, whatever is cached.
#include "compared_client.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

class AccessControl : public RedisTest
{
protected:
	static void read_all(ComparedClient &compared, const std::string &key)
	{
		for (int round = 0; round < 4; ++round) {
			for (const char *verb : {"GET", "MGET", "STRLEN", "EXISTS"})
				compared.ask({verb, key});
		}
	}
};

TEST_F(AccessControl, WithAPassword)
{
	RedisStage stage({.redis = {"--requirepass", "secret"}, .credentials = {"secret"}});
	const std::string key = stage.key();
	stage.write_both({"SET", key, "value"});
	for (int i = 0; i < 5; ++i)
		stage.expect_truth(key);
	ComparedClient compared(stage);
	read_all(compared, key);
	compared.ask("AUTH wrong");
	read_all(compared, key);
	compared.ask("AUTH secret");
	read_all(compared, key);
	stage.write_both({"SET", key, "newer"});
	read_all(compared, key);
	compared.ask("RESET");
	read_all(compared, key);
	compared.ask_unlike("HELLO 3 AUTH default secret");
	read_all(compared, key);
}

TEST_F(AccessControl, APasswordThatComesLater)
{
	RedisStage stage;
	const std::string key = stage.cached_key_in_both("value");
	ComparedClient early(stage), other(stage);
	early.warm(key);
	other.warm(key);
	early.ask("CONFIG SET requirepass secret");
	for (int round = 0; round < 3; ++round) {
		read_all(early, key);
		read_all(other, key);
		ComparedClient late(stage);
		read_all(late, key);
	}
	early.ask("CONFIG SET requirepass ''");
}

// Connections that the kernel has answered, whose user is then forbidden to read.
TEST_F(AccessControl, AUserWhoMayReadNoMore)
{
	RedisStage stage;
	for (const char *rule : {"resetkeys", "-get", "-@read", "-@all", "nocommands", "off"}) {
		SCOPED_TRACE(rule);
		const std::string key = stage.cached_key_in_both("value");
		ComparedClient admin(stage), reader(stage);
		admin.ask("ACL SETUSER admin on nopass allkeys allchannels allcommands");
		admin.ask("AUTH admin any");
		reader.warm(key);
		admin.ask(std::string("ACL SETUSER default ") + rule);
		read_all(reader, key);
		read_all(admin, key); // who may, and fills nothing for the others
		read_all(reader, key);
		ComparedClient late(stage);
		read_all(late, key);
		admin.ask("ACL SETUSER default reset on nopass allkeys allchannels allcommands");
		read_all(reader, key);
	}
}

TEST_F(AccessControl, AUserWithKeysOfHisOwn)
{
	RedisStage stage;
	const std::string key = stage.cached_key_in_both("value");
	ComparedClient compared(stage);
	compared.warm(key);
	stage.write_both({"ACL", "SETUSER", "some", "on", ">secret", "~some-*", "+@all"});
	compared.ask("AUTH some wrong");
	read_all(compared, key);
	compared.ask("AUTH some secret");
	// Others are answered by the kernel meanwhile.
	stage.cache(key);
	read_all(compared, key);
	compared.ask("SET some-key x");
	read_all(compared, "some-key");
	compared.ask({"SET", key, "not mine"});
	EXPECT_EQ(stage.expect_truth(key), resp_bulk("value"));
	stage.write_both({"ACL", "SETUSER", "some", "off"});
	read_all(compared, "some-key");
	stage.write_both({"ACL", "DELUSER", "some"}); // and his connections with him
}

} // namespace
} // namespace prestack::test
