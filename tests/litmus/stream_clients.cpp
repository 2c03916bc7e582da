// SPDX-License-Identifier: GPL-2.0-only
// Clients over TCP: pipelines of commands, split anywhere.
#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <vector>

#include "client.hpp"
#include "support/process.hpp"
#include "support/tcp_client.hpp"
#include "value.hpp"

namespace prestack::test
{

namespace
{

constexpr unsigned most_commands = 4; // of one pipeline
constexpr unsigned most_pieces = 5;

struct Element {
	std::optional<Command> write{};
	Read read{}; // if it is no write
	unsigned replies = 1; // that are still to come
	std::size_t last_byte = 0; // in the pipeline
	std::int64_t start = 0;
};

class Pipeline
{
public:
	explicit Pipeline(Client &client) : client_(client), protocol_(client.protocol()) {}

	void add_read()
	{
		const Read read = protocol_.any_read(client_);
		add({.read = read}, read.bytes);
	}

	void add_write(const Command &command)
	{
		add({.write = command, .replies = command.replies}, command.bytes);
	}

	// Sends it all and records what the replies say.
	void run(TcpClient &tcp)
	{
		const bool syncs =
			protocol_.always_syncs() || !std::ranges::all_of(elements_, replied);
		if (syncs)
			bytes_ += protocol_.sync();
		std::size_t next = 0; // whose reply is next
		try {
			send(tcp);
			for (;;) {
				const std::string reply = tcp.receive(1, protocol_.reply_length());
				const std::int64_t end = now_ns();
				while (next < elements_.size() && !replied(elements_[next]))
					++next;
				if (syncs && next == elements_.size() &&
				    reply == protocol_.synced())
					return finish(end);
				if (reply.find(quiet_mark) != std::string::npos)
					continue; // refused; finish() does not count on it
				if (next == elements_.size())
					throw std::runtime_error("a reply too many: " + reply);
				if (--elements_[next].replies == 0)
					take(elements_[next++], reply, end);
				if (!syncs && next == elements_.size())
					return finish(end);
			}
		} catch (const std::exception &) {
			for (const Element &each : elements_) {
				if (each.write && each.start != 0)
					client_.perhaps_wrote(*each.write, each.start, never);
			}
			throw;
		}
	}

private:
	static bool replied(const Element &element)
	{
		return !element.write || element.write->replied;
	}

	void add(Element element, const std::string &bytes)
	{
		bytes_ += bytes;
		element.last_byte = bytes_.size() - 1;
		elements_.push_back(std::move(element));
	}

	// In random pieces, each a segment of its own unless the kernel joins them. A command has
	// begun when its last byte is sent: it cannot be carried out before.
	void send(TcpClient &tcp)
	{
		std::vector<std::size_t> ends{bytes_.size()};
		if (client_.options().split && client_.below(2) == 0) {
			for (unsigned i = client_.below(most_pieces); i > 0; --i)
				ends.push_back(1 + client_.below(static_cast<unsigned>(
							   bytes_.size() - 1)));
		}
		std::ranges::sort(ends);
		std::size_t begin = 0;
		for (const std::size_t end : ends) {
			if (begin > 0 && client_.below(2) == 0) {
				std::this_thread::sleep_for(
					std::chrono::microseconds{client_.below(500)});
			}
			const std::int64_t now = now_ns();
			for (Element &each : elements_) {
				if (each.last_byte >= begin && each.last_byte < end)
					each.start = now;
			}
			tcp.send(std::string_view(bytes_).substr(begin, end - begin));
			begin = end;
		}
	}

	void take(Element &element, std::string_view reply, std::int64_t end)
	{
		const std::int64_t start = element.start;
		element.start = 0; // done with
		if (!element.write) {
			for (const auto &[key, version] : protocol_.seen_in(element.read, reply))
				client_.read(key, version, start, end, "tcp");
			return;
		}
		if (const auto version = protocol_.version_after(*element.write, reply))
			client_.wrote(*element.write, *version, start, end);
	}

	void finish(std::int64_t end)
	{
		for (Element &each : elements_) {
			if (each.write && !each.write->replied)
				client_.wrote_if_it_could(*each.write, each.start, end);
			else if (each.start != 0)
				throw std::runtime_error("a reply too few");
		}
	}

	Client &client_;
	const Protocol &protocol_;
	std::string bytes_;
	std::vector<Element> elements_;
};

void greet(Client &client, TcpClient &tcp)
{
	const std::string greeting = client.protocol().greeting(client);
	if (!greeting.empty())
		tcp.ask(greeting, 1, client.protocol().reply_length());
}

// The value, and then one that replaces just that.
void replace_what_was_read(Client &client, TcpClient &tcp)
{
	const Protocol &protocol = client.protocol();
	std::uint32_t key = client.any_key_to_write();
	while (kind_of(key) != KeyKind::text)
		key = client.any_key_to_write();
	const Look look = protocol.look_at(key);
	const std::string found = tcp.ask(look.bytes, look.replies, protocol.reply_length());
	const auto command = protocol.replace(key, client.next_version(), found);
	if (!command)
		return;
	Pipeline pipeline(client);
	pipeline.add_write(*command);
	pipeline.run(tcp);
}

void write_some(Client &client, TcpClient &tcp)
{
	if (client.below(client.options().replace_of) == 0)
		return replace_what_was_read(client, tcp);
	Pipeline pipeline(client);
	for (unsigned i = 1 + client.below(most_commands); i > 0; --i) {
		if (client.below(3) == 0) {
			pipeline.add_read();
			continue;
		}
		const Command command = client.any_write(false);
		pipeline.add_write(command);
		// Absent keys are not what is to be looked at.
		if (command.effect == Effect::erase && client.below(3) != 0)
			pipeline.add_write(client.protocol().plain_set(client, command.key));
	}
	pipeline.run(tcp);
}

} // namespace

void write_streams(Client &client)
{
	client.pause();
	TcpClient tcp(client.ns(), client.server());
	greet(client, tcp);
	const auto enough = client.some_time_from_now();
	for (;;) {
		write_some(client, tcp);
		// No connection stays open just to wait: prestack waits for old ones to go.
		const auto interval = client.interval();
		if (client.stopped() || Clock::now() + interval >= enough)
			return;
		std::this_thread::sleep_for(interval);
	}
}

// Without reads: those do not pass prestack.
void write_aside(Client &client)
{
	client.go_aside();
	TcpClient tcp(client.server_ns(), Endpoint("127.0.0.1", client.protocol().service().port));
	while (!client.stopped()) {
		client.pause();
		Pipeline pipeline(client);
		pipeline.add_write(client.any_write(false));
		pipeline.run(tcp);
	}
}

void read_streams(Client &client)
{
	TcpClient tcp(client.ns(), client.server());
	greet(client, tcp);
	const auto enough = client.some_time_from_now();
	while (!client.stopped() && Clock::now() < enough) {
		Pipeline pipeline(client);
		for (unsigned i = 1 + client.below(most_commands); i > 0; --i)
			pipeline.add_read();
		pipeline.run(tcp);
		std::this_thread::sleep_for(std::chrono::microseconds{client.below(2'000)});
	}
}

} // namespace prestack::test
