// SPDX-License-Identifier: GPL-2.0-only
#include "stage.hpp"

#include <cstdio>
#include <list>

#include "support/text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr std::size_t max_shared_stages = 4;
constexpr unsigned audit_rate = 50; // entries per second
constexpr unsigned max_value = 1'024;

std::list<std::pair<RedisStageOptions, std::unique_ptr<RedisStage>>> &shared_stages()
{
	static std::list<std::pair<RedisStageOptions, std::unique_ptr<RedisStage>>> stages;
	return stages;
}

class Environment : public testing::Environment
{
	void SetUp() override { Netns::remove_leftovers(); }
	void TearDown() override { RedisStage::discard_all(); }
};

[[maybe_unused]] const testing::Environment *const environment =
	testing::AddGlobalTestEnvironment(new Environment);

// Many small segments must be able to be under way at once, and are acknowledged at once.
VethPair prepared(const Netns &server, const Netns &client, const VethPair &link)
{
	link.server_address("10.0.0.1/24");
	link.client_address("10.0.0.2/24");
	link.server_address("fd00::1/64");
	link.client_address("fd00::2/64");
	client.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.2 initcwnd 2000");
	client.ip("-6 route replace fd00::/64 dev veth0 initcwnd 2000");
	server.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.1 quickack 1");
	server.ip("-6 route replace fd00::/64 dev veth0 quickack 1");
	return link;
}

RedisOptions redis_options(std::vector<std::string> addresses, const RedisStageOptions &options)
{
	RedisOptions redis{.addresses = std::move(addresses),
			   .extra = {"--enable-debug-command", "yes"}};
	redis.extra.insert(redis.extra.end(), options.redis.begin(), options.redis.end());
	return redis;
}

PrestackOptions prestack_options(const RedisStageOptions &options)
{
	return {.max_value = max_value,
		.settle = options.settle,
		.audit_rate = audit_rate,
		.services = {redis_service(options.ipv6 ? "fd00::1" : "10.0.0.1")}};
}

} // namespace

RedisStage::RedisStage(const RedisStageOptions &options)
	: options_(options), server_(address(), redis_port), server_ns_("server"),
	  client_ns_("client"), alone_ns_("alone"),
	  link_(prepared(server_ns_, client_ns_, VethPair(server_ns_, client_ns_, {}))),
	  redis_(server_ns_, redis_options({"10.0.0.1", "fd00::1"}, options)),
	  alone_(alone_ns_, redis_options({}, options)),
	  prestack_(std::make_unique<Prestack>(server_ns_, prestack_options(options))),
	  counters_(std::make_unique<Counters>(prestack_->name())),
	  store_client_(authenticated(tcp())), reader_(authenticated(tcp())),
	  direct_client_(authenticated(direct())), alone_client_(authenticated(alone()))
{
}

RedisStage::~RedisStage()
{
	try {
		EXPECT_EQ(prestack_->counter("stale"), 0U) << prestack_->stats().dump(2);
	} catch (const std::exception &error) {
		ADD_FAILURE() << "no statistics: " << error.what();
	}
}

RedisStage &RedisStage::shared(const RedisStageOptions &options)
{
	auto &stages = shared_stages();
	for (auto each = stages.begin(); each != stages.end(); ++each) {
		if (each->first == options) {
			stages.splice(stages.begin(), stages, each);
			return *stages.front().second;
		}
	}
	while (stages.size() >= max_shared_stages)
		stages.pop_back();
	stages.emplace_front(options, std::make_unique<RedisStage>(options));
	return *stages.front().second;
}

void RedisStage::discard_all()
{
	shared_stages().clear();
}

TcpClient RedisStage::authenticated(TcpClient client) const
{
	if (!options_.credentials.empty()) {
		std::vector<std::string> words{"AUTH"};
		words.insert(words.end(), options_.credentials.begin(), options_.credentials.end());
		EXPECT_EQ(ask(client, words), "+OK\r\n");
	}
	return client;
}

void RedisStage::reopen_counters()
{
	counters_ = std::make_unique<Counters>(prestack_->name());
}

void RedisStage::reconnect()
{
	store_client_ = authenticated(tcp());
	reader_ = authenticated(tcp());
	direct_client_ = authenticated(direct());
}

std::string RedisStage::key()
{
	char text[16];
	std::snprintf(text, sizeof(text), "k%06u", ++keys_);
	return text;
}

void RedisStage::store(const std::string &key, const std::string &value)
{
	EXPECT_EQ(write({"SET", key, value}), "+OK\r\n");
}

std::string RedisStage::write(const std::vector<std::string> &words)
{
	return ask(store_client_, words);
}

RedisStage::Answer RedisStage::read(const std::string &key)
{
	const std::uint64_t before = count(PS_COUNT_stream_hits);
	std::string bytes = ask(reader_, {"GET", key});
	return {std::move(bytes), count(PS_COUNT_stream_hits) != before};
}

std::string RedisStage::tell(const std::vector<std::string> &words)
{
	return ask(direct_client_, words);
}

std::string RedisStage::value(const std::vector<std::string> &words)
{
	const std::string reply = tell(words);
	const auto begin = reply.find("\r\n") + 2;
	if (reply.front() != '$' || begin + 2 > reply.size())
		throw std::runtime_error("no bulk string: " + printable(reply));
	return reply.substr(begin, reply.size() - begin - 2);
}

std::string RedisStage::cache(const std::string &key)
{
	const std::string truth = this->truth(key);
	Answer answer;
	bool right = true;
	const bool cached = eventually(
		[&] {
			answer = read(key);
			right = answer.bytes == truth;
			return answer.hit || !right;
		},
		default_patience, Milliseconds{1});
	EXPECT_TRUE(right) << "with prestack: " << printable(answer.bytes)
			   << "\n  Redis:         " << printable(truth);
	EXPECT_TRUE(cached) << "the kernel never answered for " << key << "\n"
			    << prestack_->stats().dump(2);
	return answer.bytes;
}

std::string RedisStage::cached_key(const std::string &value)
{
	std::string key = this->key();
	store(key, value);
	cache(key);
	return key;
}

void RedisStage::write_both(const std::vector<std::string> &words)
{
	EXPECT_EQ(printable(write(words)), printable(ask(alone_client_, words)));
}

std::string RedisStage::cached_key_in_both(const std::string &value)
{
	std::string key = cached_key(value);
	ask(alone_client_, {"SET", key, value});
	return key;
}

std::string RedisStage::expect_truth(const std::string &key)
{
	const Answer answer = read(key);
	const std::string truth = this->truth(key);
	EXPECT_EQ(printable(answer.bytes), printable(truth))
		<< (answer.hit ? "answered by the kernel" : "answered by the server");
	return answer.bytes;
}

std::string RedisStage::expect_truth_and_cached_again(const std::string &key)
{
	std::string answer = expect_truth(key);
	const bool fits = answer.front() == '$' && answer != no_value && answer.size() < max_value;
	return fits ? cache(key) : answer;
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
