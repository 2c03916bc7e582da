// SPDX-License-Identifier: GPL-2.0-only
// Items whose time ends: how they came to it, and what was seen of them while it went by.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "memcached_testbed.hpp"

namespace prestack::test
{

// One command on the way to an item's end of life.
struct Step {
	enum class By { tcp, udp, binary };

	std::function<std::string(const std::string &key)> bytes;
	By by = By::tcp;
	bool quiet = false;
};

// {k} stands for the key, {t+N} for the time of day N seconds from now.
Step text(const std::string &command, Step::By by = Step::By::tcp);
Step quiet_text(const std::string &command);

struct ExpiringItem {
	std::string name;
	std::vector<Step> before{}; // then the item is cached, if there are any
	std::vector<Step> after{};
	bool ends = true; // the item is gone a few seconds later, else it is not
	bool served = true; // the kernel is expected to serve it after the last step
	bool alone = false; // concerns all items: needs a testbed of its own

	friend void PrintTo(const ExpiringItem &each, std::ostream *out) { *out << each.name; }
};

struct ExpiryObservation {
	unsigned reads = 0;
	unsigned hits = 0;
	unsigned hits_at_the_end = 0; // after all items that end have ended
	bool ended = false;
	std::vector<std::string> wrong{}; // what was answered that memcached did not say
};

// Takes all of them through their lives at the same time, reading each over UDP all the while, and before and after each
// read from memcached itself. By name.
std::map<std::string, ExpiryObservation> observe_expiry(const std::vector<ExpiringItem> &items);

} // namespace prestack::test
