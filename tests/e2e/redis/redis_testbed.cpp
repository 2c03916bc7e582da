// SPDX-License-Identifier: GPL-2.0-only
#include "redis_testbed.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr unsigned max_value = 1'024;

TestbedPool<RedisTestbed, RedisTestbedOptions> &pool()
{
	static TestbedPool<RedisTestbed, RedisTestbedOptions> testbeds(4);
	return testbeds;
}

[[maybe_unused]] const testing::Environment *const environment =
	testing::AddGlobalTestEnvironment(new PoolEnvironment<RedisTestbed>);

RedisOptions redis_options(std::vector<std::string> addresses, const RedisTestbedOptions &options)
{
	RedisOptions redis{.addresses = std::move(addresses),
			   .extra = {"--enable-debug-command", "yes"}};
	redis.extra.insert(redis.extra.end(), options.redis.begin(), options.redis.end());
	return redis;
}

PrestackOptions prestack_options(const RedisTestbedOptions &options)
{
	return {.max_value = max_value,
		.settle = options.settle,
		.services = {redis_service(options.ipv6 ? CoherenceTestbed::server_v6
							: CoherenceTestbed::server_v4)}};
}

} // namespace

RedisTestbed::RedisTestbed(const RedisTestbedOptions &options)
	: CoherenceTestbed(
		  {.ipv6 = options.ipv6,
		   .port = redis_port,
		   .start_server =
			   [&](const Netns &ns, const std::vector<std::string> &addresses) {
				   return std::make_unique<Redis>(
					   ns, redis_options(addresses, options));
			   },
		   .prestack = prestack_options(options)}),
	  options_(options), alone_ns_("alone"), alone_(alone_ns_, redis_options({}, options)),
	  store_client_(authenticated(tcp())), reader_(authenticated(tcp())),
	  direct_client_(authenticated(direct())), alone_client_(authenticated(alone()))
{
}

RedisTestbed &RedisTestbed::shared(const RedisTestbedOptions &options)
{
	return pool().get(options);
}

void RedisTestbed::discard_all()
{
	pool().clear();
}

std::string RedisTestbed::why_not()
{
	return why_no_redis();
}

TcpClient RedisTestbed::authenticated(TcpClient client) const
{
	if (!options_.credentials.empty()) {
		std::vector<std::string> words{"AUTH"};
		words.insert(words.end(), options_.credentials.begin(), options_.credentials.end());
		EXPECT_EQ(ask(client, words), "+OK\r\n");
	}
	return client;
}

void RedisTestbed::reconnect()
{
	store_client_ = authenticated(tcp());
	reader_ = authenticated(tcp());
	direct_client_ = authenticated(direct());
}

void RedisTestbed::store(const std::string &key, const std::string &value)
{
	EXPECT_EQ(write({"SET", key, value}), "+OK\r\n");
}

std::string RedisTestbed::write(const std::vector<std::string> &words)
{
	return ask(store_client_, words);
}

CoherenceTestbed::Answer RedisTestbed::read(std::string_view key)
{
	const std::uint64_t before = count(PS_COUNT_stream_hits);
	std::string bytes = ask(reader_, {"GET", std::string(key)});
	return {std::move(bytes), count(PS_COUNT_stream_hits) != before};
}

std::string RedisTestbed::ask_directly(const std::vector<std::string> &words)
{
	return ask(direct_client_, words);
}

std::string RedisTestbed::value(const std::vector<std::string> &words)
{
	const std::string reply = ask_directly(words);
	const auto begin = reply.find("\r\n") + 2;
	if (reply.front() != '$' || begin + 2 > reply.size())
		throw std::runtime_error("no bulk string: " + printable(reply));
	return reply.substr(begin, reply.size() - begin - 2);
}

std::string RedisTestbed::cached_key(const std::string &value)
{
	std::string key = this->key();
	store(key, value);
	cache(key);
	return key;
}

void RedisTestbed::write_both(const std::vector<std::string> &words)
{
	EXPECT_EQ(printable(write(words)), printable(ask(alone_client_, words)));
}

std::string RedisTestbed::cached_key_in_both(const std::string &value)
{
	std::string key = cached_key(value);
	ask(alone_client_, {"SET", key, value});
	return key;
}

bool RedisTestbed::is_cacheable(const std::string &answer) const
{
	return answer.front() == '$' && answer != no_value && answer.size() < max_value;
}

std::string ask(TcpClient &client, const std::vector<std::string> &words)
{
	return client.ask(resp(words), 1, resp_reply_length);
}

std::string ask(TcpClient &client, const std::string &line)
{
	return client.ask(resp_line(line), 1, resp_reply_length);
}

} // namespace prestack::test
