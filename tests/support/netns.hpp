// SPDX-License-Identifier: GPL-2.0-only
// One network namespace, removed with its owner.
#pragma once

#include <future>
#include <string>
#include <thread>
#include <type_traits>

#include "loader/base/fd.hpp"

namespace prestack::test
{

class Netns
{
public:
	// Makes a namespace with its loopback up. Its name starts with `pse2e<pid>-`, so that tests
	// that run at the same time never meet. Throws when it cannot be made (not root, no `ip`).
	explicit Netns(const std::string &label);
	Netns(const Netns &) = delete;
	Netns &operator=(const Netns &) = delete;
	~Netns();

	const std::string &name() const { return name_; }
	int fd() const { return fd_.get(); }

	// Calls `function` inside the namespace on a thread of its own and returns what it returns;
	// what it throws is thrown here. Sockets made there stay in the namespace.
	template <typename Function>
	auto in(Function function) const -> std::invoke_result_t<Function>
	{
		std::packaged_task<std::invoke_result_t<Function>()> task([&] {
			enter(fd_.get());
			return function();
		});
		auto result = task.get_future();
		std::thread(std::move(task)).join();
		return result.get();
	}

	// `ip -n <name> <line>`, which must succeed.
	void ip(const std::string &line) const;
	// A command run inside the namespace, which must succeed.
	void exec(const std::string &line) const;
	// Writes below /proc/sys/net as the namespace sees it, for example "ipv6/conf/all/forwarding".
	void sysctl(const std::string &path, const std::string &value) const;

	// Removes namespaces that an earlier test process left behind when it was killed.
	static void remove_leftovers();

private:
	static void enter(int fd);

	std::string name_;
	UniqueFd fd_;
};

} // namespace prestack::test
