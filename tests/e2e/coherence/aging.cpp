// SPDX-License-Identifier: GPL-2.0-only
#include "aging.hpp"

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

class Item
{
public:
	Item(const Aging &aging, Stage &stage)
		: aging_(aging), stage_(stage), tcp_(stage.tcp()), binary_(stage.tcp()),
		  key_(stage.key())
	{
	}

	void take_steps(const std::vector<Step> &steps)
	{
		for (const Step &each : steps)
			take(each);
	}
	void cache()
	{
		if (!aging_.before.empty())
			stage_.cache(key_);
	}
	void look(bool at_the_end)
	{
		const std::string before = stage_.truth(key_);
		const Stage::Answer answer = stage_.read(key_);
		const std::string after = stage_.truth(key_);
		++aged_.reads;
		aged_.hits += answer.hit;
		aged_.hits_at_the_end += at_the_end && answer.hit;
		// What memcached said before and after is what it would have said.
		if (before == after && answer.text != after && aged_.wrong.size() < 3) {
			aged_.wrong.push_back(printable(answer.text) + " instead of " +
					      printable(after) +
					      (answer.hit ? " by the kernel" : ""));
		}
		aged_.ended = after == no_item;
	}
	bool done() const { return aged_.ended || !aging_.ends; }
	const Aged &aged() const { return aged_; }
	const Aging &aging() const { return aging_; }

private:
	void take(const Step &step)
	{
		const std::string bytes = step.bytes(key_);
		if (step.by == Step::By::udp) {
			stage_.udp_client().ask(bytes);
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

	const Aging &aging_;
	Stage &stage_;
	TcpClient tcp_;
	TcpClient binary_;
	std::string key_;
	Aged aged_;
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

std::map<std::string, Aged> let_age(const std::vector<Aging> &agings)
{
	Stage shared({});
	std::vector<std::unique_ptr<Stage>> own;
	std::vector<std::unique_ptr<Item>> items;
	for (const Aging &each : agings) {
		if (each.alone)
			own.push_back(std::make_unique<Stage>(StageOptions{}));
		items.push_back(std::make_unique<Item>(each, each.alone ? *own.back() : shared));
	}
	for (const auto &item : items)
		item->take_steps(item->aging().before);
	for (const auto &item : items)
		item->cache();
	for (const auto &item : items)
		item->take_steps(item->aging().after);
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
	std::map<std::string, Aged> result;
	for (const auto &item : items)
		result[item->aging().name] = item->aged();
	return result;
}

} // namespace prestack::test
