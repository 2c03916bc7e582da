// SPDX-License-Identifier: GPL-2.0-only
#include "stage.hpp"

#include <cstdio>
#include <list>

namespace prestack::test
{

namespace
{

constexpr std::size_t max_shared_stages = 6;
constexpr unsigned audit_rate = 50; // entries per second

std::list<std::pair<StageOptions, std::unique_ptr<Stage>>> &shared_stages()
{
	static std::list<std::pair<StageOptions, std::unique_ptr<Stage>>> stages;
	return stages;
}

class Environment : public testing::Environment
{
	void TearDown() override { Stage::discard_all(); }
};

[[maybe_unused]] const testing::Environment *const environment =
	testing::AddGlobalTestEnvironment(new Environment);

// Many small segments must be able to be under way at once, and are acknowledged at once: no test
// waits for a delayed acknowledgement, and no two of its segments are joined on the way.
VethPair prepared(const Netns &server, const Netns &client, const VethPair &link,
		  unsigned vlan_depth)
{
	// A veth drops frames of full MTU with two tags.
	const std::string segments = vlan_depth == 2 ? " advmss 1400" : "";
	link.server_address("10.0.0.1/24");
	link.client_address("10.0.0.2/24");
	link.server_address("fd00::1/64");
	link.client_address("fd00::2/64");
	client.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.2 initcwnd 2000" + segments);
	client.ip("-6 route replace fd00::/64 dev veth0 initcwnd 2000" + segments);
	server.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.1 quickack 1" + segments);
	server.ip("-6 route replace fd00::/64 dev veth0 quickack 1" + segments);
	return link;
}

} // namespace

Stage::Stage(const StageOptions &options)
	: options_(options),
	  server_(options.ipv6 ? Bed::server_v6 : Bed::server_v4, memcached_port),
	  server_ns_("server"), client_ns_("client"),
	  link_(prepared(server_ns_, client_ns_,
			 VethPair(server_ns_, client_ns_, {.vlan_depth = options.vlan_depth}),
			 options.vlan_depth)),
	  memcached_(server_ns_,
		     {.addresses = {Bed::server_v4, Bed::server_v6}, .extra = options.memcached}),
	  prestack_(std::make_unique<Prestack>(
		  server_ns_, PrestackOptions{.settle = options.settle, .audit_rate = audit_rate})),
	  counters_(std::make_unique<Counters>(prestack_->name())), store_client_(tcp()),
	  direct_client_(direct()), udp_client_(udp())
{
}

Stage::~Stage()
{
	try {
		EXPECT_EQ(prestack_->counter("stale"), 0U) << prestack_->stats().dump(2);
	} catch (const std::exception &error) {
		ADD_FAILURE() << "no statistics: " << error.what();
	}
}

Stage &Stage::shared(const StageOptions &options)
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
	stages.emplace_front(options, std::make_unique<Stage>(options));
	return *stages.front().second;
}

void Stage::discard_all()
{
	shared_stages().clear();
}

void Stage::reopen_counters()
{
	counters_ = std::make_unique<Counters>(prestack_->name());
}

void Stage::reconnect()
{
	store_client_ = tcp();
	direct_client_ = direct();
}

std::string Stage::key()
{
	char text[16];
	std::snprintf(text, sizeof(text), "k%06u", ++keys_);
	return text;
}

void Stage::store(std::string_view key, std::string_view value, long expiry)
{
	const std::string command = test::store(key, value, 0, "set", expiry);
	EXPECT_EQ(store_client_.ask(command), "STORED\r\n") << printable(command);
}

Stage::Answer Stage::read(std::string_view key)
{
	const std::uint64_t before = count(PS_COUNT_hits);
	std::string text = udp_client_.ask(get_line(key));
	return {std::move(text), count(PS_COUNT_hits) != before};
}

std::string Stage::truth_of(std::string_view verb, std::string_view key)
{
	return direct_client_.ask(std::string(verb) + " " + std::string(key) + "\r\n");
}

std::string Stage::unique(std::string_view key)
{
	// "VALUE <key> <flags> <bytes> <cas unique>\r\n..."
	const std::string reply = truth_of("gets", key);
	const auto line_end = reply.find("\r\n");
	const auto blank = reply.rfind(' ', line_end);
	return reply.substr(blank + 1, line_end - blank - 1);
}

std::string Stage::cache(std::string_view key)
{
	const std::string truth = this->truth(key);
	Answer answer;
	bool right = true;
	const bool cached = eventually(
		[&] {
			answer = read(key);
			right = answer.text == truth;
			return answer.hit || !right;
		},
		default_patience, Milliseconds{1});
	EXPECT_TRUE(right) << "with prestack: " << printable(answer.text)
			   << "\n  memcached:     " << printable(truth);
	EXPECT_TRUE(cached) << "the kernel never answered for " << key << "\n"
			    << prestack_->stats().dump(2);
	return answer.text;
}

std::string Stage::expect_truth(std::string_view key)
{
	const Answer answer = read(key);
	const std::string truth = this->truth(key);
	EXPECT_EQ(printable(answer.text), printable(truth))
		<< (answer.hit ? "answered by the kernel" : "answered by the server");
	return answer.text;
}

std::string Stage::expect_truth_and_cached_again(std::string_view key)
{
	const std::string answer = expect_truth(key);
	return answer == no_item ? answer : cache(key);
}

std::string value_reply(std::string_view key, std::string_view value)
{
	std::string text = "VALUE ";
	text.append(key).append(" 0 ").append(std::to_string(value.size())).append("\r\n");
	return text.append(value).append("\r\n").append(no_item);
}

} // namespace prestack::test
