// SPDX-License-Identifier: GPL-2.0-only
#include "load.hpp"

#include <exception>

namespace prestack::test
{

Load::Load(const Protocol &protocol, const Netns &ns, const Netns &server_ns,
	   const Endpoint &server, const LoadOptions &options)
	: seed_(options.seed != 0 ? options.seed : std::random_device{}()),
	  shared_{.protocol = protocol,
		  .ns = ns,
		  .server_ns = server_ns,
		  .server = server,
		  .options = options}
{
	for (const Clients &each : protocol.clients(options))
		start(each.count, each.loop);
}

Load::~Load()
{
	stop();
}

Client &Load::add_client()
{
	const auto id = static_cast<std::uint32_t>(clients_.size());
	return clients_.emplace_back(shared_, id, seed_ + id);
}

void Load::start(unsigned count, void (*loop)(Client &))
{
	for (; count > 0; --count) {
		threads_.emplace_back([this, loop, &client = add_client()] {
			while (!shared_.stop) {
				try {
					loop(client);
				} catch (const std::exception &) {
					// The server or the path is gone for a moment: with new sockets.
					++shared_.disturbed;
					std::this_thread::sleep_for(Milliseconds{20});
				}
			}
		});
	}
}

std::vector<Operation> Load::stop()
{
	shared_.stop = true;
	for (std::thread &thread : threads_)
		thread.join();
	threads_.clear();
	std::vector<Operation> all;
	for (const Client &client : clients_)
		all.insert(all.end(), client.history().begin(), client.history().end());
	return all;
}

} // namespace prestack::test
