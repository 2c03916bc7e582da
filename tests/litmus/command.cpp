// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

#include <array>

#include "support/text_protocol.hpp"
#include "value.hpp"

namespace prestack::test
{

namespace
{

constexpr int mortal_seconds = 3;
// Increments are larger than decrements: counters grow, and values do not come again.
constexpr std::uint64_t most_added = 1ULL << 38;
constexpr std::uint64_t most_subtracted = 1ULL << 28;
constexpr std::uint64_t most_set = 1ULL << 48;

// Makes commands of one key.
class CommandGenerator
{
public:
	CommandGenerator(std::mt19937 &random, std::uint32_t key, std::uint64_t version,
			 const CommandOptions &options)
		: random_(random), key_(key), kind_(kind_of(key)), name_(key_name(key)),
		  version_(version), options_(options), noreply_(below(6) == 0)
	{
	}

	Command set() { return storage("set", "set", false); }

	Command any()
	{
		switch (kind_) {
		case KeyKind::appended:
		case KeyKind::prepended:
			return any_added();
		case KeyKind::counter:
			return any_counter();
		case KeyKind::mortal:
			return any_mortal();
		case KeyKind::text:
			break;
		}
		return any_text();
	}

private:
	std::uint64_t below(std::uint64_t limit)
	{
		return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
	}

	Command any_text()
	{
		switch (below(16)) {
		case 0:
		case 1:
			return storage("replace", "replace", true);
		case 2:
		case 3:
			return storage("add", "add", true);
		case 4:
		case 5:
			return meta_set("S", "ms", false);
		case 6:
			return meta_set("R", "ms MR", true);
		case 7:
			return meta_set("E", "ms ME", true);
		case 8:
			return touch();
		case 9:
			return erase();
		default:
			return set();
		}
	}

	Command any_added()
	{
		const bool append = kind_ == KeyKind::appended;
		switch (below(10)) {
		case 0:
		case 1:
		case 2:
			return append ? added("append", "append") : added("prepend", "prepend");
		case 3:
		case 4:
			return append ? meta_added("A", "ms MA") : meta_added("P", "ms MP");
		case 5:
			return below(2) == 0 ? erase() : touch();
		default:
			return set();
		}
	}

	Command any_counter()
	{
		switch (below(10)) {
		case 0:
		case 1:
		case 2:
			return count("incr", most_added, "incr");
		case 3:
			return count("decr", most_subtracted, "decr");
		case 4:
		case 5:
			return meta_count("I", most_added, "ma");
		case 6:
			return meta_count("D", most_subtracted, "ma MD");
		case 7:
			return below(2) == 0 ? erase() : touch();
		default:
			return set();
		}
	}

	// Nothing that would change how long it lives.
	Command any_mortal()
	{
		switch (below(6)) {
		case 0:
			return erase();
		case 1:
			return meta_set("S", "ms T", false);
		default:
			return set();
		}
	}

	Command made(std::string bytes, Effect effect, std::string done, const char *how) const
	{
		return make_command(key_, version_, std::move(bytes), effect, std::move(done), how);
	}

	std::string whole_value()
	{
		if (kind_ != KeyKind::counter)
			return value_of(version_);
		version_ = (below(most_set) + most_set) * counter_unit;
		return std::to_string(version_);
	}

	int lives() const { return kind_ == KeyKind::mortal ? mortal_seconds : 0; }

	Command storage_of(const std::string &value, const std::string &verb, const char *how,
			   bool conditional)
	{
		std::string head = verb + " " + name_ + " 0 " + std::to_string(lives()) + " " +
				   std::to_string(value.size());
		if (noreply_)
			head += " noreply";
		Command command =
			made(head + "\r\n" + value + "\r\n", Effect::store, "STORED\r\n", how);
		command.replied = !noreply_;
		command.conditional = conditional;
		command.lives = std::chrono::seconds{lives()};
		return command;
	}
	Command storage(const std::string &verb, const char *how, bool conditional)
	{
		return storage_of(whole_value(), verb, how, conditional);
	}
	Command added(const std::string &verb, const char *how)
	{
		return storage_of(addition_of(kind_, version_), verb, how, true);
	}

	// The key as itself or in base64, and flags.
	std::string meta(const std::string &verb, const std::string &behind_key, std::string flags)
	{
		const bool base64 = options_.base64 && below(4) == 0;
		if (base64)
			flags += " b";
		return verb + " " + (base64 ? base64_key_name(key_) : name_) + behind_key + flags;
	}

	std::string quiet()
	{
		const bool is_quiet = noreply_ && options_.quiet;
		noreply_ = is_quiet;
		return is_quiet ? " q" + std::string(quiet_mark) : "";
	}

	Command meta_set_of(const std::string &value, const std::string &mode, const char *how,
			    bool conditional)
	{
		std::string flags = quiet() + (mode == "S" && below(2) == 0 ? "" : " M" + mode);
		if (lives() > 0)
			flags += " T" + std::to_string(lives());
		Command command = made(meta("ms", " " + std::to_string(value.size()), flags) +
					       "\r\n" + value + "\r\n",
				       Effect::store, "HD", how);
		command.replied = !noreply_;
		command.conditional = conditional;
		command.lives = std::chrono::seconds{lives()};
		return command;
	}
	Command meta_set(const std::string &mode, const char *how, bool conditional)
	{
		return meta_set_of(whole_value(), mode, how, conditional);
	}
	Command meta_added(const std::string &mode, const char *how)
	{
		return meta_set_of(addition_of(kind_, version_), mode, how, true);
	}

	std::string delta(std::uint64_t most)
	{
		return std::to_string((below(most) + 1) * counter_unit);
	}

	Command count(const std::string &verb, std::uint64_t most, const char *how)
	{
		std::string line = verb + " " + name_ + " " + delta(most);
		if (noreply_)
			line += " noreply";
		Command command = made(line + "\r\n", Effect::count, "", how);
		command.replied = !noreply_;
		command.conditional = true;
		return command;
	}

	Command meta_count(const std::string &mode, std::uint64_t most, const char *how)
	{
		const std::string flags = quiet() + " v M" + mode + " D" + delta(most);
		Command command = made(meta("ma", "", flags) + "\r\n", Effect::count, "VA ", how);
		command.replied = !noreply_;
		command.conditional = true;
		return command;
	}

	// Changes the time to live only; for prestack that is a write.
	Command touch()
	{
		noreply_ = false;
		switch (below(3)) {
		case 0:
			return made("touch " + name_ + " 0\r\n", Effect::none, "TOUCHED\r\n",
				    "touch");
		case 1:
			return made("gat 0 " + name_ + "\r\n", Effect::none, "VALUE ", "gat");
		default:
			return made(meta("mg", "", " v T0") + "\r\n", Effect::none, "VA ", "mg T");
		}
	}

	Command erase()
	{
		const bool noreply = noreply_;
		noreply_ = false;
		// gats says nothing new, and a negative time to live ends the item at once.
		switch (below(kind_ == KeyKind::mortal ? 2 : 5)) {
		case 0: {
			Command command =
				made("delete " + name_ + (noreply ? " noreply\r\n" : "\r\n"),
				     Effect::erase, "DELETED\r\n", "delete");
			command.replied = !noreply;
			command.conditional = true;
			return command;
		}
		case 1: {
			noreply_ = noreply;
			const std::string flags = quiet();
			Command command =
				made(meta("md", "", flags) + "\r\n", Effect::erase, "HD", "md");
			command.replied = !noreply_;
			command.conditional = true;
			return command;
		}
		case 2:
			return made("touch " + name_ + " -1\r\n", Effect::erase, "TOUCHED\r\n",
				    "touch -1");
		case 3:
			return made("gat -1 " + name_ + "\r\n", Effect::erase, "VALUE ", "gat -1");
		default:
			return made(meta("mg", "", " v T-1") + "\r\n", Effect::erase, "VA ",
				    "mg T-1");
		}
	}

	std::mt19937 &random_;
	std::uint32_t key_;
	KeyKind kind_;
	std::string name_;
	std::uint64_t version_;
	const CommandOptions options_;
	bool noreply_;
};

} // namespace

Command make_command(std::uint32_t key, std::uint64_t version, std::string bytes, Effect effect,
		     std::string done, const char *how)
{
	Command command{.bytes = std::move(bytes), .key = key, .effect = effect};
	command.version = effect == Effect::store   ? version
			  : effect == Effect::count ? unknown_version
						    : absent_version;
	command.done = std::move(done);
	command.how = how;
	return command;
}

Command any_command(std::mt19937 &random, std::uint32_t key, std::uint64_t version,
		    const CommandOptions &options)
{
	if (options.flush) {
		return {.bytes = "flush_all\r\n",
			.key = key,
			.effect = Effect::erase_all,
			.done = "OK\r\n",
			.how = "flush_all"};
	}
	return CommandGenerator(random, key, version, options).any();
}

Command plain_set(std::mt19937 &random, std::uint32_t key, std::uint64_t version)
{
	return CommandGenerator(random, key, version, {}).set();
}

Command compare_and_store(std::uint32_t key, std::uint64_t version, std::string_view unique)
{
	const std::string value = value_of(version);
	return {.bytes = "cas " + key_name(key) + " 0 0 " + std::to_string(value.size()) + " " +
			 std::string(unique) + "\r\n" + value + "\r\n",
		.key = key,
		.effect = Effect::store,
		.version = version,
		.done = "STORED\r\n",
		.conditional = true,
		.how = "cas"};
}

std::optional<std::uint64_t> version_after(const Command &command, std::string_view reply)
{
	if (command.effect == Effect::none)
		return std::nullopt;
	if (command.effect == Effect::count && command.done.empty()) {
		const std::uint64_t version =
			version_of(KeyKind::counter, reply.substr(0, reply.find('\r')));
		return version == garbage_version ? std::nullopt : std::optional(version);
	}
	if (!reply.starts_with(command.done))
		return std::nullopt;
	return command.effect == Effect::count ? version_in(command.key, reply)
					       : std::optional(command.version);
}

} // namespace prestack::test
