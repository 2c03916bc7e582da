// SPDX-License-Identifier: GPL-2.0-only
#include "script_generator.hpp"

#include <algorithm>
#include <numeric>

namespace prestack::test
{

namespace
{

constexpr unsigned own_keys = 5;
constexpr std::size_t longest_key = 250;

} // namespace

std::string shared_key(std::uint64_t number)
{
	return "shared-" + std::to_string(number);
}

std::string shared_value(std::mt19937_64 &random)
{
	std::string value(random() % 200, '\0');
	for (char &each : value)
		each = static_cast<char>(random());
	return value;
}

ScriptGenerator::ScriptGenerator(std::uint64_t seed, unsigned number, const ScriptOptions &options)
	: options_(options), name_("c" + std::to_string(number)), random_(seed * 1'000'003 + number)
{
	for (unsigned i = 0; i < own_keys; ++i)
		keys_.push_back(name_ + "-" + std::to_string(i));
	if (one_in(4))
		keys_.back().append(longest_key - keys_.back().size(), 'k');
}

Script ScriptGenerator::write()
{
	script_.name = name_;
	const auto bursts = 2 + below(options_.bursts - 1);
	burst({first()});
	for (std::uint64_t i = 0; i < bursts * options_.phases; ++i) {
		if (i != 0 && i % bursts == 0)
			script_.steps.push_back({.bytes = "",
						 .then = Then::wait_for_phase,
						 .phase = static_cast<unsigned>(i / bursts)});
		if (below(10) < 6)
			read_again_and_again();
		else
			burst(some_commands());
	}
	script_.ending = usual_ending();
	const auto ending = below(10);
	if (ending < 2) {
		script_.ending = Ending::quit;
		cut(closing_command().bytes);
	} else if (ending < 3 && options_.resets) {
		script_.ending = Ending::reset;
	} else if (ending < 5) {
		script_.ending = Ending::close;
	}
	return std::move(script_);
}

std::string ScriptGenerator::key()
{
	return one_in(12) ? name_ + "-absent" : pick(keys_);
}

std::string ScriptGenerator::any_key()
{
	return one_in(3) ? shared_key(below(shared_keys)) : key();
}

std::string ScriptGenerator::value(const std::vector<std::string> &lookalikes)
{
	const auto which = below(100);
	const std::size_t most = which < 80 ? 120 : which < 97 ? 1'500 : options_.most;
	std::string bytes(below(most), '\0');
	for (char &each : bytes)
		each = static_cast<char>(below(256));
	if (one_in(3))
		bytes += pick(lookalikes);
	return bytes;
}

std::vector<ScriptGenerator::Command> ScriptGenerator::some_commands()
{
	std::vector<Command> commands;
	const auto most = one_in(4) ? 30 : 5;
	for (auto n = 1 + below(most); n > 0; --n) {
		if (options_.unknown && one_in(20))
			commands.push_back(odd());
		else
			commands.push_back(one_in(2) ? read() : change());
	}
	return commands;
}

void ScriptGenerator::read_again_and_again()
{
	const Command again = one_in(3) ? read() : simple_read();
	for (auto n = 2 + below(8); n > 0; --n) {
		const unsigned together = one_in(5) ? 2 : 1;
		std::string bytes;
		for (unsigned i = 0; i < together; ++i)
			bytes += again.bytes;
		replies_ += together * again.replies;
		if (one_in(10))
			cut(bytes);
		else
			script_.steps.push_back({.bytes = bytes});
		settle();
	}
}

void ScriptGenerator::burst(const std::vector<Command> &commands)
{
	const bool one_by_one = one_in(3);
	std::string bytes;
	for (const Command &each : commands) {
		replies_ += each.replies;
		if (one_by_one)
			script_.steps.push_back({.bytes = each.bytes});
		else
			bytes += each.bytes;
	}
	if (!one_by_one)
		cut(bytes);
	if (!one_in(6))
		settle();
}

std::chrono::microseconds ScriptGenerator::at_most(std::chrono::microseconds time)
{
	return std::chrono::microseconds(below(static_cast<std::uint64_t>(time.count())));
}

void ScriptGenerator::settle()
{
	script_.steps.back().then = Then::wait_for_replies;
	script_.steps.back().replies = replies_;
	if (options_.think.count() > 0)
		script_.steps.push_back(
			{.bytes = "", .then = Then::pause, .pause = at_most(options_.think)});
}

// Into pieces: none, a few, or single bytes.
void ScriptGenerator::cut(const std::string &bytes)
{
	const auto how = below(10);
	const std::size_t longest = how < 4			      ? bytes.size()
				    : how < 5 && bytes.size() < 60    ? 1
				    : how < 7 && bytes.size() < 3'000 ? 40
								      : bytes.size() / 2 + 1;
	for (std::size_t from = 0; from < bytes.size();) {
		const std::size_t size = longest == bytes.size() ? longest : 1 + below(longest);
		Step step{.bytes = bytes.substr(from, size)};
		from += size;
		const auto then = below(6);
		if (then < 2) {
			step.then = Then::wait_for_acknowledgement;
		} else if (then == 2) {
			step.then = Then::pause;
			step.pause = at_most(std::chrono::microseconds(500));
		}
		script_.steps.push_back(std::move(step));
	}
}

std::string Script::bytes() const
{
	return std::accumulate(steps.begin(), steps.end(), std::string(),
			       [](std::string all, const Step &step) { return all += step.bytes; });
}

} // namespace prestack::test
