// SPDX-License-Identifier: GPL-2.0-only
// Three Redis nodes of a cluster, each in a namespace of its own behind a prestack of its own. The client's
// namespace is in the middle, and forwards what the nodes tell each other.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "redis_testbed.hpp"

namespace prestack::test
{

class Cluster
{
public:
	static constexpr unsigned size = 3;

	// Every node has a third of the slots. Throws if they do not agree on that in time.
	explicit Cluster(unsigned audit_rate = 200);

	static std::string address(unsigned node);
	// The slot of a key as Redis tells it.
	unsigned slot_of(const std::string &key) const;
	unsigned owner_of(const std::string &key) const;

	// What a node says to a client on the link, and from inside its own namespace.
	TcpClient connect(unsigned node) const;
	std::string direct(unsigned node, const std::vector<std::string> &words) const;

	// Moves the slot of a key with all its keys, by commands that pass the interfaces or, if `inside`, do
	// not. After each step `look` is called.
	void move(const std::string &key, unsigned from, unsigned to, bool inside,
		  const std::function<void(const std::string &step)> &look) const;

	// Another node takes the slot of a key, and tells the old one, which keeps or drops the keys: no command
	// passes an interface. Returns once the old one knows.
	void take_away(const std::string &key, unsigned from, unsigned to) const;

	std::uint64_t flushes(unsigned node) const
	{
		return nodes_.at(node)->prestack->counter("flushes");
	}
	// Servable ones.
	std::uint64_t entries(unsigned node) const
	{
		return nodes_.at(node)->prestack->stats().at("entries").get<std::uint64_t>();
	}
	Process &loader(unsigned node) const { return nodes_.at(node)->prestack->process(); }
	std::uint64_t hits(unsigned node) const
	{
		return nodes_.at(node)->prestack->counter("stream_hits");
	}
	std::uint64_t stale(unsigned node) const
	{
		return nodes_.at(node)->prestack->counter("stale");
	}

private:
	struct Node {
		Node(const Netns &client, unsigned number, unsigned audit_rate);

		Netns ns;
		VethPair link;
		std::unique_ptr<Redis> redis;
		std::unique_ptr<Prestack> prestack;
		std::string id;
	};
	bool agree() const;

	Netns client_{"client"};
	std::array<std::unique_ptr<Node>, size> nodes_;
};

} // namespace prestack::test
