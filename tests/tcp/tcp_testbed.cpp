// SPDX-License-Identifier: GPL-2.0-only
#include "tcp_testbed.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "support/tcp_client.hpp"

namespace prestack::test
{

namespace
{

constexpr std::uint64_t usual_seed = 20261121;
constexpr std::size_t max_details = 5; // details
constexpr unsigned recordings_at_a_time = 4;

// Runs `work` in the namespace, on several threads at a time.
template <typename Work>
void in_threads(const Netns &ns, unsigned count, Work work)
{
	std::vector<std::thread> threads;
	std::mutex mutex;
	std::exception_ptr failed;
	for (unsigned i = 0; i < count; ++i) {
		threads.emplace_back([&] {
			try {
				ns.in(work);
			} catch (...) {
				const std::lock_guard lock(mutex);
				failed = std::current_exception();
			}
		});
	}
	for (std::thread &thread : threads)
		thread.join();
	if (failed)
		std::rethrow_exception(failed);
}

} // namespace

std::uint64_t test_seed()
{
	const char *chosen = std::getenv("PRESTACK_TCP_SEED");
	const std::uint64_t seed =
		chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : usual_seed;
	std::cout << "TCP seed " << seed << std::endl;
	return seed;
}

TcpTestbed::TcpTestbed(const TcpTestbedOptions &options)
	: options_(options), endpoint_(options.ipv6 ? "fd00::1" : server_address, port()),
	  server_("server"), client_("client"), reference_ns_("reference"),
	  link_(with_addresses(VethPair(server_, client_, {.vlan_depth = options.vlan_depth}))),
	  behind_(protocol().start(server_, {server_address, "fd00::1"})),
	  reference_(protocol().start(reference_ns_, {reference_address}))
{
	if (options.with_prestack)
		prestack_ = std::make_unique<Prestack>(
			server_,
			PrestackOptions{.memory = "32MiB", .services = {protocol().service}});
	for (const std::string &item : protocol().shared_items()) {
		TcpClient(client_, endpoint_).ask(item, 1, protocol().reply_length);
		TcpClient(reference_ns_, Endpoint(reference_address, port()))
			.ask(item, 1, protocol().reply_length);
	}
	if (options.with_prestack && !protocol().first_read.empty()) {
		TcpClient reader(client_, endpoint_);
		eventually([&] {
			reader.ask(protocol().first_read, 1, protocol().reply_length);
			return counter("stream_hits") > 0;
		});
	}
	if (options.chaos)
		chaos_ = std::make_unique<Chaos>(client_, link_.interface(), *options.chaos);
}

VethPair TcpTestbed::with_addresses(VethPair link) const
{
	for (const char *address : {"10.0.0.1/24", "fd00::1/64"})
		link.server_address(address);
	for (const char *address : {"10.0.0.2/24", "fd00::2/64"})
		link.client_address(address);
	for (const auto &[path, value] : options_.sysctls) {
		server_.sysctl(path, value);
		client_.sysctl(path, value);
	}
	return link;
}

// All of a script at once, and all answers at the end: other pieces than the clients use later.
std::vector<RecordedScript> TcpTestbed::record(std::uint64_t seed, unsigned first, unsigned count,
					       const ScriptOptions &options) const
{
	std::vector<RecordedScript> scripts(count);
	std::atomic<unsigned> next{0};
	in_threads(reference_ns_, recordings_at_a_time, [&] {
		for (unsigned i = next++; i < count; i = next++) {
			Script script = protocol().make_script(seed, first + i, options);
			TcpClient client(reference_ns_, Endpoint(reference_address, port()));
			if (!script.opening.empty())
				client.ask(script.opening, 1, protocol().reply_length);
			const std::string closing_request =
				script.ending == Ending::quit ? "" : protocol().closing_request;
			// Neither side waits for the other to read.
			std::thread sender([&] {
				client.send(script.bytes() + closing_request);
				if (protocol().closing_request.empty())
					::shutdown(client.fd(), SHUT_WR);
			});
			std::string replies = client.receive_to_servers_end();
			sender.join();
			if (!closing_request.empty()) {
				if (!replies.ends_with(protocol().closing_reply))
					throw std::runtime_error(script.name + ": it was cut off");
				replies.erase(replies.size() - protocol().closing_reply.size());
			}
			scripts[i] = make_recorded_script(std::move(script), std::move(replies),
							  protocol().reply_length);
		}
	});
	return scripts;
}

Tally TcpTestbed::run_scripts(const std::vector<RecordedScript> &scripts,
			      const RunOptions &options) const
{
	Tally tally;
	std::mutex mutex;
	std::atomic<std::size_t> next{0};
	const auto threads =
		static_cast<unsigned>(std::min<std::size_t>(options.at_a_time, scripts.size()));
	in_threads(client_, threads, [&] {
		for (std::size_t i = next++; i < scripts.size(); i = next++) {
			const Result result =
				run_script(endpoint_, scripts[i], options.socket, options.patience);
			const std::lock_guard lock(mutex);
			++tally.outcomes[result.outcome];
			if (result.outcome != Outcome::complete &&
			    tally.details.size() < max_details)
				tally.details.push_back(scripts[i].script.name + ": " +
							result.detail);
		}
	});
	return tally;
}

std::uint64_t TcpTestbed::counter(const std::string &name) const
{
	if (!prestack_)
		return 0;
	const nlohmann::json stats = prestack_->stats();
	return stats.at("services").at(0).value(name, std::uint64_t{0});
}

std::map<std::string, std::uint64_t> TcpTestbed::passed() const
{
	std::map<std::string, std::uint64_t> reasons;
	if (!prestack_)
		return reasons;
	const nlohmann::json stats = prestack_->stats();
	for (const auto &[reason, count] : stats.at("services").at(0).at("passed").items()) {
		if (count != 0)
			reasons[reason] = count.get<std::uint64_t>();
	}
	return reasons;
}

} // namespace prestack::test
