// SPDX-License-Identifier: GPL-2.0-only
// A client that may not read a key does not get it from the kernel either.
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
	RedisTestbed testbed({.redis = {"--requirepass", "secret"}, .credentials = {"secret"}});
	const std::string key = testbed.key();
	testbed.write_both({"SET", key, "value"});
	for (int i = 0; i < 5; ++i)
		testbed.expect_truth(key);
	ComparedClient compared(testbed);
	read_all(compared, key);
	compared.ask("AUTH wrong");
	read_all(compared, key);
	compared.ask("AUTH secret");
	read_all(compared, key);
	testbed.write_both({"SET", key, "newer"});
	read_all(compared, key);
	compared.ask("RESET");
	read_all(compared, key);
	compared.ask_unlike("HELLO 3 AUTH default secret");
	read_all(compared, key);
}

TEST_F(AccessControl, APasswordThatComesLater)
{
	RedisTestbed testbed;
	const std::string key = testbed.cached_key_in_both("value");
	ComparedClient early(testbed), other(testbed);
	early.warm(key);
	other.warm(key);
	early.ask("CONFIG SET requirepass secret");
	for (int round = 0; round < 3; ++round) {
		read_all(early, key);
		read_all(other, key);
		ComparedClient late(testbed);
		read_all(late, key);
	}
	early.ask("CONFIG SET requirepass ''");
}

// Connections that the kernel has answered, whose user is then forbidden to read.
TEST_F(AccessControl, AUserWhoMayReadNoMore)
{
	RedisTestbed testbed;
	for (const char *rule : {"resetkeys", "-get", "-@read", "-@all", "nocommands", "off"}) {
		SCOPED_TRACE(rule);
		const std::string key = testbed.cached_key_in_both("value");
		ComparedClient admin(testbed), reader(testbed);
		admin.ask("ACL SETUSER admin on nopass allkeys allchannels allcommands");
		admin.ask("AUTH admin any");
		reader.warm(key);
		admin.ask(std::string("ACL SETUSER default ") + rule);
		read_all(reader, key);
		read_all(admin, key); // who may, and fills nothing for the others
		read_all(reader, key);
		ComparedClient late(testbed);
		read_all(late, key);
		admin.ask("ACL SETUSER default reset on nopass allkeys allchannels allcommands");
		read_all(reader, key);
	}
}

TEST_F(AccessControl, AUserWithKeysOfHisOwn)
{
	RedisTestbed testbed;
	const std::string key = testbed.cached_key_in_both("value");
	ComparedClient compared(testbed);
	compared.warm(key);
	testbed.write_both({"ACL", "SETUSER", "some", "on", ">secret", "~some-*", "+@all"});
	compared.ask("AUTH some wrong");
	read_all(compared, key);
	compared.ask("AUTH some secret");
	// Others are answered by the kernel meanwhile.
	testbed.cache(key);
	read_all(compared, key);
	compared.ask("SET some-key x");
	read_all(compared, "some-key");
	compared.ask({"SET", key, "not mine"});
	EXPECT_EQ(testbed.expect_truth(key), resp_bulk("value"));
	testbed.write_both({"ACL", "SETUSER", "some", "off"});
	read_all(compared, "some-key");
	testbed.write_both({"ACL", "DELUSER", "some"}); // and his connections with him
}

} // namespace
} // namespace prestack::test
