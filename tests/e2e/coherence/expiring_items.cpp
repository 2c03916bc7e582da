// SPDX-License-Identifier: GPL-2.0-only
#include "expiring_items.hpp"

#include <ctime>

#include "binary_frame.hpp"

namespace prestack::test
{

namespace
{

// Far more than any item here lives.
constexpr std::chrono::seconds longest{40};
// Reads after the end, to see it stay.
constexpr unsigned reads_after_the_end = 20;

std::string filled_in(std::string command, const std::string &key)
{
	for (auto at = command.find("{k}"); at != std::string::npos; at = command.find("{k}"))
		command.replace(at, 3, key);
	for (auto at = command.find("{t+"); at != std::string::npos; at = command.find("{t+")) {
		const auto end = command.find('}', at);
		const long later = std::stol(command.substr(at + 3, end - at - 3));
		command.replace(at, end + 1 - at, std::to_string(std::time(nullptr) + later));
	}
	return command;
}

class ItemReader
{
public:
	ItemReader(const ExpiringItem &item, MemcachedTestbed &testbed)
		: item_(item), testbed_(testbed), tcp_(testbed.tcp()), binary_(testbed.tcp()),
		  key_(testbed.key())
	{
	}

	void take_steps(const std::vector<Step> &steps)
	{
		for (const Step &each : steps)
			take(each);
	}
	void cache()
	{
		if (!item_.before.empty())
			testbed_.cache(key_);
	}
	void look(bool at_the_end)
	{
		const std::string before = testbed_.truth(key_);
		const CoherenceTestbed::Answer answer = testbed_.read(key_);
		const std::string after = testbed_.truth(key_);
		++observed_.reads;
		observed_.hits += answer.hit;
		observed_.hits_at_the_end += at_the_end && answer.hit;
		// What memcached said before and after is what it would have said.
		if (before == after && answer.bytes != after && observed_.wrong.size() < 3) {
			observed_.wrong.push_back(printable(answer.bytes) + " instead of " +
						  printable(after) +
						  (answer.hit ? " by the kernel" : ""));
		}
		observed_.ended = after == no_item;
	}
	bool done() const { return observed_.ended || !item_.ends; }
	const ExpiryObservation &observed() const { return observed_; }
	const ExpiringItem &item() const { return item_; }

private:
	void take(const Step &step)
	{
		const std::string bytes = step.bytes(key_);
		if (step.by == Step::By::udp) {
			testbed_.udp_client().ask(bytes);
		} else if (step.by == Step::By::binary) {
			binary_.ask(bytes, 1, binary_reply_length);
		} else if (step.quiet) {
			tcp_.send(bytes + "version\r\n");
			while (!tcp_.receive().starts_with("VERSION"))
				continue;
		} else {
			tcp_.ask(bytes);
		}
	}

	const ExpiringItem &item_;
	MemcachedTestbed &testbed_;
	TcpClient tcp_;
	TcpClient binary_;
	std::string key_;
	ExpiryObservation observed_;
};

} // namespace

Step text(const std::string &command, Step::By by)
{
	return {[command](const std::string &key) { return filled_in(command, key) + "\r\n"; }, by};
}

Step quiet_text(const std::string &command)
{
	Step step = text(command);
	step.quiet = true;
	return step;
}

std::map<std::string, ExpiryObservation> observe_expiry(const std::vector<ExpiringItem> &expiring)
{
	MemcachedTestbed shared({});
	std::vector<std::unique_ptr<MemcachedTestbed>> own;
	std::vector<std::unique_ptr<ItemReader>> items;
	for (const ExpiringItem &each : expiring) {
		if (each.alone)
			own.push_back(
				std::make_unique<MemcachedTestbed>(MemcachedTestbedOptions{}));
		items.push_back(
			std::make_unique<ItemReader>(each, each.alone ? *own.back() : shared));
	}
	for (const auto &item : items)
		item->take_steps(item->item().before);
	for (const auto &item : items)
		item->cache();
	for (const auto &item : items)
		item->take_steps(item->item().after);
	const auto all_done = [&] {
		for (const auto &item : items) {
			if (!item->done())
				return false;
		}
		return true;
	};
	const auto deadline = Clock::now() + longest;
	while (!all_done() && Clock::now() < deadline) {
		for (const auto &item : items)
			item->look(false);
		std::this_thread::sleep_for(Milliseconds{2});
	}
	for (unsigned round = 0; round < reads_after_the_end; ++round) {
		for (const auto &item : items)
			item->look(true);
		std::this_thread::sleep_for(Milliseconds{20});
	}
	std::map<std::string, ExpiryObservation> result;
	for (const auto &item : items)
		result[item->item().name] = item->observed();
	return result;
}

} // namespace prestack::test
