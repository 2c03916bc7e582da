// SPDX-License-Identifier: GPL-2.0-only
#include "history.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <queue>
#include <unordered_map>

namespace prestack::test
{

namespace
{

using Why = Violation::Why;

// From `time` on, nothing that took effect before `from` is current, but for `version` itself.
struct Replacement {
	std::int64_t time;
	std::int64_t from;
	std::uint64_t version;
	const Operation *by;

	bool operator<(const Replacement &other) const { return time > other.time; }
	bool by_read() const { return by->kind == OperationKind::read; }
	// What was read may have been old news for who had not heard of `write`.
	bool replaces(const Operation &write) const
	{
		return from > (by_read() ? write.last_unseen() : write.last_effect());
	}
};

// Writes of which any may have given what was read: deletions, or those with an unknown result.
class Spells
{
public:
	void add(const Operation &write) { writes_.push_back(write); }

	void finish()
	{
		std::ranges::sort(writes_, {}, &Operation::start);
		latest_.reserve(writes_.size());
		Latest latest{always, always};
		for (const Operation &each : writes_) {
			latest.effect = std::max(latest.effect, each.last_effect());
			latest.unseen = std::max(latest.unseen, each.last_unseen());
			latest_.push_back(latest);
		}
	}

	// Whether one of them, begun by then, is not replaced by `newer`.
	bool possible(const Replacement &newer, std::int64_t to) const
	{
		const auto begun = begun_by(to);
		if (begun == 0)
			return false;
		const Latest &latest = latest_[begun - 1];
		return (newer.by_read() ? latest.unseen : latest.effect) >= newer.from;
	}
	bool any_by(std::int64_t time) const { return begun_by(time) > 0; }

private:
	std::size_t begun_by(std::int64_t time) const
	{
		return static_cast<std::size_t>(
			std::ranges::upper_bound(writes_, time, {}, &Operation::start) -
			writes_.begin());
	}

	struct Latest {
		std::int64_t effect;
		std::int64_t unseen;
	};

	std::vector<Operation> writes_; // by start
	std::vector<Latest> latest_; // of any of writes_[0..i]
};

// The replacement with the latest `from`, and that of any other version.
class Newest
{
public:
	void add(const Replacement &next)
	{
		if (best_ && best_->version == next.version) {
			if (next.from > best_->from)
				best_ = next;
		} else if (!best_ || next.from > best_->from) {
			other_ = best_;
			best_ = next;
		} else if (!other_ || next.from > other_->from) {
			other_ = next;
		}
	}
	const std::optional<Replacement> &but(std::uint64_t version) const
	{
		return best_ && best_->version == version ? other_ : best_;
	}

private:
	std::optional<Replacement> best_;
	std::optional<Replacement> other_;
};

// All that happened to one key.
class Key
{
public:
	explicit Key(const HistoryOptions &options) : options_(options) {}

	void add(const Operation &operation)
	{
		if (operation.kind == OperationKind::read)
			reads_.push_back(&operation);
		else
			add_write(operation);
	}

	void check(std::vector<Violation> &violations)
	{
		prepare();
		for (const Operation *read : reads_) {
			while (!coming_.empty() && coming_.top().time < read->start) {
				pass(coming_.top());
				coming_.pop();
			}
			if (auto violation = check(*read))
				violations.push_back(*violation);
			else
				witness(*read);
		}
	}

private:
	void pass(const Replacement &next)
	{
		if (next.by_read())
			return seen_.add(next);
		acknowledged_.add(next);
	}

	void add_write(const Operation &write)
	{
		if (write.version == absent_version)
			deletions_.add(write);
		else if (write.version == unknown_version)
			unknown_.add(write);
		else
			written_.emplace(write.version, &write);
		const bool slow =
			write.heard_late || write.end - write.start > options_.seen_within.count();
		if (slow && !write.by_restart && write.version == absent_version)
			slow_deletions_.add(write);
		if (slow && write.version == unknown_version)
			slow_unknown_.add(write);
		if (write.took_effect())
			coming_.push({write.end, write.replaces_from(), write.version, &write});
	}

	void prepare()
	{
		for (Spells *each : {&deletions_, &unknown_, &slow_deletions_, &slow_unknown_})
			each->finish();
		std::ranges::sort(reads_, {}, &Operation::start);
		for (const Operation *read : reads_) {
			const auto seen = first_seen_.emplace(read->version, read->end).first;
			seen->second = std::min(seen->second, read->end);
		}
	}

	const Operation *find(std::uint64_t version) const
	{
		const auto found = written_.find(version);
		return found == written_.end() ? nullptr : found->second;
	}

	std::optional<Violation> check(const Operation &read) const
	{
		if (read.version == absent_version)
			return check_spells(read, absent_version, deletions_);
		const Operation *written = find(read.version);
		if (written == nullptr) {
			if (read.version == garbage_version || !unknown_.any_by(read.end))
				return Violation{Why::never_written, read};
			return check_spells(read, unknown_version, unknown_);
		}
		if (read.end < written->start)
			return Violation{Why::from_the_future, read, *written};
		for (const auto &newer : newer_than(read.version)) {
			if (newer && newer->replaces(*written))
				return Violation{stale_by(*newer), read, *written, *newer->by};
		}
		if (read.start > written->lives_until)
			return Violation{Why::expired, read, *written};
		return std::nullopt;
	}

	std::optional<Violation> check_spells(const Operation &read, std::uint64_t version,
					      const Spells &spells) const
	{
		for (const auto &newer : newer_than(version)) {
			if (newer && !spells.possible(*newer, read.end))
				return Violation{stale_by(*newer), read, {}, *newer->by};
		}
		return std::nullopt;
	}

	// What replaced it: acknowledged first, since that needs no other read to be understood.
	std::array<std::optional<Replacement>, 2> newer_than(std::uint64_t version) const
	{
		return {acknowledged_.but(version), seen_.but(version)};
	}

	static Why stale_by(const Replacement &newer)
	{
		return newer.by_read() ? Why::backwards : Why::stale;
	}

	// A read that is right makes what was current before it old.
	void witness(const Operation &read)
	{
		const Operation *written =
			read.version == absent_version ? nullptr : find(read.version);
		if (written != nullptr) {
			const auto known =
				std::min(written->end, first_seen_.find(read.version)->second);
			const bool in_time = !written->heard_late &&
					     known - written->start <= options_.seen_within.count();
			if (in_time || written->took_effect())
				coming_.push({in_time ? read.end : std::max(read.end, written->end),
					      std::max(read.start, written->start), read.version,
					      &read});
			return;
		}
		const bool absent = read.version == absent_version;
		const std::uint64_t version = absent ? absent_version : unknown_version;
		const Spells &slow = absent ? slow_deletions_ : slow_unknown_;
		bool seen_late = slow.any_by(read.end);
		for (const auto &newer : newer_than(version))
			seen_late = seen_late && (!newer || slow.possible(*newer, read.end));
		if (!seen_late)
			coming_.push({read.end, read.start, version, &read});
	}

	const HistoryOptions &options_;
	std::unordered_map<std::uint64_t, const Operation *> written_;
	std::unordered_map<std::uint64_t, std::int64_t> first_seen_; // earliest end of its reads
	Spells deletions_;
	Spells unknown_;
	Spells slow_deletions_; // those that may have been seen too late to make others old
	Spells slow_unknown_;
	std::vector<const Operation *> reads_; // by start
	std::priority_queue<Replacement> coming_; // by time
	// Of those whose time has passed, by writes and by reads.
	Newest acknowledged_;
	Newest seen_;
};

std::string name_of(std::uint64_t version)
{
	if (version == absent_version)
		return "absent";
	if (version == garbage_version)
		return "garbage";
	return version == unknown_version ? "unknown" : std::to_string(version);
}

std::string microseconds(std::int64_t time)
{
	return time == never ? "never" : std::to_string(time / 1'000);
}

std::string line(const std::string &what, const Operation &operation, std::int64_t zero)
{
	const auto relative = [&](std::int64_t time) {
		return microseconds(time == never ? never : time - zero);
	};
	std::string text = "\n    " + what + ": version " + name_of(operation.version) +
			   " by client " + std::to_string(operation.client) + " (" + operation.how +
			   ") from " + relative(operation.start) + " to " + relative(operation.end);
	if (operation.heard_late)
		text += " at the latest";
	if (operation.until > operation.end)
		text += ", perhaps until " + relative(operation.until);
	return text + " us";
}

} // namespace

std::string describe(const Violation &violation)
{
	const Operation &read = violation.read;
	const bool has_written = violation.written.kind == OperationKind::write;
	const bool has_newer = violation.why == Why::stale || violation.why == Why::backwards;
	std::int64_t zero = read.start;
	if (has_written)
		zero = std::min(zero, violation.written.start);
	if (has_newer)
		zero = std::min(zero, violation.newer.start);

	const std::map<Why, std::string> whys{
		{Why::stale, "older than an acknowledged write"},
		{Why::backwards, "older than what another read had seen"},
		{Why::expired, "read after its time"},
		{Why::from_the_future, "read before it was written"},
		{Why::never_written, "read but never written"}};
	std::string text = "key " + std::to_string(read.key) + ": " + whys.at(violation.why);
	if (has_written)
		text += line("written", violation.written, zero);
	if (has_newer) {
		text += line(violation.newer.kind == OperationKind::read ? "seen   " : "newer  ",
			     violation.newer, zero);
	}
	text += line("read   ", read, zero);
	if (has_newer)
		text += ", " + std::to_string((read.start - violation.newer.end) / 1'000) +
			" us after";
	return text + " (at " + std::to_string(read.start) + " ns)";
}

std::vector<Violation> find_violations(const std::vector<Operation> &history,
				       const HistoryOptions &options)
{
	std::map<std::uint32_t, Key> keys;
	for (const Operation &each : history)
		keys.try_emplace(each.key, options).first->second.add(each);
	std::vector<Violation> violations;
	for (auto &[number, key] : keys)
		key.check(violations);
	return violations;
}

} // namespace prestack::test
