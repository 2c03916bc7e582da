// SPDX-License-Identifier: GPL-2.0-only
#include "cluster.hpp"

#include <algorithm>
#include <fstream>

#include "support/wait.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned slots = 16384;

// The text of a bulk string.
std::string text_of(const std::string &bulk)
{
	const auto begin = bulk.find("\r\n") + 2;
	return bulk.substr(begin, bulk.size() - begin - 2);
}

void expect_ok(const std::string &reply, const std::string &what)
{
	if (reply != "+OK\r\n")
		throw std::runtime_error(what + ": " + reply);
}

} // namespace

std::string Cluster::address(unsigned node)
{
	return "10.0." + std::to_string(node) + ".1";
}

Cluster::Node::Node(const Netns &client, unsigned number, unsigned audit_rate)
	: ns("server" + std::to_string(number)),
	  link(ns, client, {.name = "veth" + std::to_string(number), .id = number})
{
	link.server_address(address(number) + "/24");
	link.client_address("10.0." + std::to_string(number) + ".2/24");
	ns.ip("route add default via 10.0." + std::to_string(number) + ".2");
	redis = std::make_unique<Redis>(
		ns, RedisOptions{.addresses = {address(number)},
				 .extra = {"--cluster-enabled", "yes", "--cluster-announce-ip",
					   address(number), "--cluster-node-timeout", "60000"}});
	PrestackOptions options{
		.interfaces = {link.interface()}, .settle = "3ms", .audit_rate = audit_rate};
	options.services = {redis_service(address(number))};
	prestack = std::make_unique<Prestack>(ns, options);
	id = text_of(redis->tell({"CLUSTER", "MYID"}));
}

Cluster::Cluster(unsigned audit_rate)
{
	client_.sysctl("ipv4/ip_forward", "1");
	for (unsigned i = 0; i < size; ++i)
		nodes_.at(i) = std::make_unique<Node>(client_, i, audit_rate);
	for (unsigned i = 0; i < size; ++i) {
		const unsigned first = slots * i / size;
		const unsigned last = slots * (i + 1) / size - 1;
		expect_ok(direct(i, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)}),
			  "epoch");
		expect_ok(direct(i, {"CLUSTER", "ADDSLOTSRANGE", std::to_string(first),
				     std::to_string(last)}),
			  "slots");
		expect_ok(direct(0, {"CLUSTER", "MEET", address(i), std::to_string(redis_port)}),
			  "meet");
	}
	wait_until("the nodes agree", [this] { return agree(); });
}

bool Cluster::agree() const
{
	for (unsigned i = 0; i < size; ++i) {
		const std::string info = direct(i, {"CLUSTER", "INFO"});
		if (info.find("cluster_state:ok") == std::string::npos ||
		    info.find("cluster_known_nodes:3") == std::string::npos)
			return false;
	}
	return true;
}

unsigned Cluster::slot_of(const std::string &key) const
{
	return static_cast<unsigned>(std::stoul(direct(0, {"CLUSTER", "KEYSLOT", key}).substr(1)));
}

unsigned Cluster::owner_of(const std::string &key) const
{
	const std::string reply = direct(0, {"GET", key});
	for (unsigned i = 1; i < size; ++i) {
		if (reply.starts_with("-MOVED") && reply.find(address(i)) != std::string::npos)
			return i;
	}
	return 0;
}

TcpClient Cluster::connect(unsigned node) const
{
	return {client_, Endpoint(address(node), redis_port)};
}

std::string Cluster::direct(unsigned node, const std::vector<std::string> &words) const
{
	return nodes_.at(node)->redis->tell(words);
}

void Cluster::move(const std::string &key, unsigned from, unsigned to, bool inside,
		   const std::function<void(const std::string &step)> &look) const
{
	const std::string slot = std::to_string(slot_of(key));
	const auto tell = [&](unsigned node, const std::vector<std::string> &words,
			      const std::string &step) {
		std::string reply;
		if (inside) {
			reply = direct(node, words);
		} else {
			auto client = connect(node);
			reply = client.ask(resp(words), 1, resp_reply_length);
		}
		expect_ok(reply, step);
		look(step);
	};
	tell(to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", nodes_.at(from)->id}, "importing");
	tell(from, {"CLUSTER", "SETSLOT", slot, "MIGRATING", nodes_.at(to)->id}, "migrating");
	// Of two elements at a time: some keys are here, and some are there.
	for (;;) {
		const std::string some = direct(from, {"CLUSTER", "GETKEYSINSLOT", slot, "2"});
		std::vector<std::string> words{"MIGRATE", address(to), std::to_string(redis_port),
					       "",	  "0",	       "5000",
					       "KEYS"};
		std::size_t at = some.find('$');
		for (; at != std::string::npos; at = some.find('$', at + 1)) {
			const std::size_t line = some.find("\r\n", at);
			const auto length = std::stoul(some.substr(at + 1, line - at - 1));
			words.push_back(some.substr(line + 2, length));
		}
		if (words.back() == "KEYS")
			break;
		tell(from, words, "migrate");
	}
	tell(to, {"CLUSTER", "SETSLOT", slot, "NODE", nodes_.at(to)->id}, "the new one knows");
	tell(from, {"CLUSTER", "SETSLOT", slot, "NODE", nodes_.at(to)->id}, "the old one knows");
}

void Cluster::take_away(const std::string &key, unsigned from, unsigned to) const
{
	const std::string slot = std::to_string(slot_of(key));
	expect_ok(direct(to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", nodes_.at(from)->id}),
		  "importing");
	expect_ok(direct(to, {"CLUSTER", "SETSLOT", slot, "NODE", nodes_.at(to)->id}), "taken");
	wait_until("the old node knows", [&] {
		return direct(from, {"GET", key}).starts_with("-MOVED");
	});
}

} // namespace prestack::test
