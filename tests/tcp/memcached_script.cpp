// SPDX-License-Identifier: GPL-2.0-only
#include "script.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <random>

#include "support/text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr unsigned own_keys = 5;
constexpr unsigned shared_keys = 40;
constexpr std::size_t longest_key = 250;

std::string shared_key(std::uint64_t number)
{
	return "shared-" + std::to_string(number);
}

struct Command {
	std::string bytes;
	unsigned replies = 1;
};

class Author
{
public:
	Author(std::uint64_t seed, unsigned number, const ScriptOptions &options)
		: options_(options), name_("c" + std::to_string(number)),
		  random_(seed * 1'000'003 + number)
	{
		for (unsigned i = 0; i < own_keys; ++i)
			keys_.push_back(name_ + "-" + std::to_string(i));
		// The longest that memcached takes.
		if (one_in(4))
			keys_.back().append(longest_key - keys_.back().size(), 'k');
		number_key_ = name_ + "-number";
		aging_key_ = name_ + "-aging"; // only here expiry is set
	}

	Script write()
	{
		script_.name = name_;
		const auto bursts = 2 + below(options_.bursts - 1);
		burst({storage("set", keys_[0])});
		for (std::uint64_t i = 0; i < bursts * options_.phases; ++i) {
			if (i != 0 && i % bursts == 0)
				script_.steps.push_back(
					{.bytes = "",
					 .then = Then::wait_for_phase,
					 .phase = static_cast<unsigned>(i / bursts)});
			if (below(10) < 6)
				read_again_and_again();
			else
				burst(some_commands());
		}
		const auto ending = below(10);
		if (ending < 2) {
			script_.ending = Ending::quit;
			cut("quit\r\n");
		} else if (ending < 3 && options_.resets) {
			script_.ending = Ending::reset;
		} else if (ending < 5) {
			script_.ending = Ending::close;
		}
		return std::move(script_);
	}

private:
	std::uint64_t below(std::uint64_t n)
	{
		return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
	}
	bool one_in(std::uint64_t n) { return below(n) == 0; }
	template <typename Table>
	std::string pick(const Table &table)
	{
		return std::string(table[below(std::size(table))]);
	}

	std::string key() { return one_in(12) ? name_ + "-absent" : pick(keys_); }
	std::string any_key() { return one_in(3) ? shared_key(below(shared_keys)) : key(); }

	// Any bytes, also those that look like the protocol.
	std::string value()
	{
		static constexpr std::array<std::string_view, 6> lookalikes{
			"\r\n", "END\r\n", "VALUE x 0 3\r\n", "STORED\r\n", "get x\r\n", "\n"};
		const auto which = below(100);
		const std::size_t most = which < 80 ? 120 : which < 97 ? 1'500 : options_.most;
		std::string bytes(below(most), '\0');
		for (char &each : bytes)
			each = static_cast<char>(below(256));
		if (one_in(3))
			bytes += pick(lookalikes);
		return bytes;
	}

	Command storage(std::string_view verb, const std::string &to)
	{
		std::string bytes = store(to, value(), static_cast<unsigned>(below(70'000)), verb);
		if (!one_in(8))
			return {std::move(bytes)};
		bytes.insert(bytes.find("\r\n"), " noreply");
		return {std::move(bytes), 0};
	}

	Command read()
	{
		static constexpr std::array<std::string_view, 7> flags{
			"", " v", " k v", " f v s", " v O77", " k", " s v k f Oopaque"};
		if (one_in(4))
			return {"mg " + any_key() + pick(flags) + "\r\n"};
		if (one_in(25))
			return {"gets " + name_ + "-never\r\n"};
		std::string line = "get";
		for (std::uint64_t n = one_in(3) ? 1 + below(12) : 1; n > 0; --n)
			line += " " + any_key();
		return {line + "\r\n"};
	}

	Command write_command()
	{
		static constexpr std::array<std::string_view, 5> verbs{"set", "add", "replace",
								       "append", "prepend"};
		const std::string quiet = one_in(6) ? " noreply" : "";
		const unsigned replies = quiet.empty() ? 1 : 0;
		switch (below(12)) {
		case 0:
			return {"delete " + key() + quiet + "\r\n", replies};
		case 1:
			return {store(number_key_, std::to_string(below(1'000'000)))};
		case 2:
			return {(one_in(2) ? "incr " : "decr ") + number_key_ + " " +
					std::to_string(below(5'000)) + quiet + "\r\n",
				replies};
		case 3:
			return {"touch " + aging_key_ + " 1000" + quiet + "\r\n", replies};
		case 4:
			return {store(aging_key_, value(), 0, "set", one_in(2) ? 1'000 : 0)};
		case 5: {
			const std::string data = value();
			return {"ms " + key() + " " + std::to_string(data.size()) + "\r\n" + data +
				"\r\n"};
		}
		case 6:
			return {"md " + key() + "\r\n"};
		case 7:
			return {"gat 1000 " + aging_key_ + "\r\n"};
		case 8:
			return {"ma " + number_key_ + " D3 v\r\n"};
		default:
			return storage(pick(verbs), key());
		}
	}

	// No get with a key that is too long: memcached then drops the replies that it has not sent yet,
	// which are more or fewer.
	Command odd_command()
	{
		static constexpr std::array<std::string_view, 6> odd{
			"nonsense\r\n", "get\r\n",   "version\r\n",
			"mn\r\n",	"ERROR\r\n", "verbosity\r\n"};
		return {pick(odd)};
	}

	std::vector<Command> some_commands()
	{
		std::vector<Command> commands;
		const auto most = one_in(4) ? 30 : 5;
		for (auto n = 1 + below(most); n > 0; --n) {
			if (options_.unknown && one_in(20))
				commands.push_back(odd_command());
			else
				commands.push_back(one_in(2) ? read() : write_command());
		}
		return commands;
	}

	// As clients do: a question, its answer, the next question. The kernel answers these.
	void read_again_and_again()
	{
		const Command again =
			one_in(3) ? Command{read()} : Command{"get " + any_key() + "\r\n"};
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

	void burst(const std::vector<Command> &commands)
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

	std::chrono::microseconds at_most(std::chrono::microseconds time)
	{
		return std::chrono::microseconds(below(static_cast<std::uint64_t>(time.count())));
	}

	void settle()
	{
		script_.steps.back().then = Then::wait_for_replies;
		script_.steps.back().replies = replies_;
		if (options_.think.count() > 0)
			script_.steps.push_back({.bytes = "",
						 .then = Then::pause,
						 .pause = at_most(options_.think)});
	}

	// Into pieces: none, a few, or single bytes.
	void cut(const std::string &bytes)
	{
		const auto how = below(10);
		const std::size_t longest = how < 4			   ? bytes.size()
					    : how < 5 && bytes.size() < 60 ? 1
					    : how < 7 && bytes.size() < 3'000
						    ? 40
						    : bytes.size() / 2 + 1;
		for (std::size_t from = 0; from < bytes.size();) {
			const std::size_t size =
				longest == bytes.size() ? longest : 1 + below(longest);
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

	const ScriptOptions options_;
	const std::string name_;
	std::mt19937_64 random_;
	std::vector<std::string> keys_;
	std::string number_key_;
	std::string aging_key_;
	Script script_;
	unsigned replies_ = 0;
};

} // namespace

std::string Script::bytes() const
{
	return std::accumulate(steps.begin(), steps.end(), std::string(),
			       [](std::string all, const Step &step) { return all += step.bytes; });
}

Script make_script(std::uint64_t seed, unsigned number, const ScriptOptions &options)
{
	return Author(seed, number, options).write();
}

std::vector<std::string> shared_items()
{
	std::mt19937_64 random(7);
	std::vector<std::string> commands;
	for (unsigned i = 0; i < shared_keys; ++i) {
		std::string value(random() % 200, '\0');
		for (char &each : value)
			each = static_cast<char>(random());
		commands.push_back(store(shared_key(i), value, i));
	}
	return commands;
}

} // namespace prestack::test
