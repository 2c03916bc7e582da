// SPDX-License-Identifier: GPL-2.0-only
#include "agent/expiry_answers.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/test_run.hpp"

namespace prestack
{
namespace
{

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t millisecond = 1'000'000;

} // namespace

std::optional<std::uint64_t> sure_expiry(const AgentReply &reply, std::uint64_t asked_at)
{
	if (reply.milliseconds_left) {
		// Read in whole milliseconds, by a clock that need not run quite as ours does.
		const auto left = std::min(*reply.milliseconds_left, most_milliseconds);
		const auto unsure = left / 1000 + 1;
		if (left <= unsure) {
			return std::nullopt;
		}
		return asked_at + (left - unsure) * millisecond;
	}
	if (!reply.seconds_left) {
		return PS_EXPIRES_NEVER;
	}
	// The server counts ticks of its own clock. One may be as good as over, and its drifting timer
	// skips a second now and then.
	constexpr std::uint64_t unsure = 2;
	if (*reply.seconds_left <= unsure) {
		return std::nullopt;
	}
	return asked_at + (*reply.seconds_left - unsure) * second;
}

std::optional<ps_expiry_question> question_of(const void *record, std::size_t size)
{
	ps_expiry_question question{};
	if (size < PS_BRIEF_QUESTION) {
		return std::nullopt;
	}
	std::memcpy(&question, record, std::min(size, sizeof question));
	const std::size_t room = size < sizeof question ? PS_BRIEF_KEY : PS_MAX_KEY;
	return question.key_len <= room ? std::optional(question) : std::nullopt;
}

bool ExpiryAnswers::add(std::uint8_t service, const ps_expiry_answer &answer)
{
	batch_.answer[batch_.count++] = answer;
	services_.push_back(service);
	return batch_.count == PS_MAX_EXPIRY_ANSWERS;
}

Result<std::vector<std::uint32_t>> ExpiryAnswers::give()
{
	std::vector<std::uint32_t> taken(PS_MAX_SERVICES);
	if (batch_.count == 0) {
		return taken;
	}
	const auto out = run_with_frame(program_, "ps_set_expiry", batch_);
	for (std::size_t i = 0; out && i < services_.size(); ++i) {
		taken[services_[i]] += out->answer[i].taken != 0 ? 1 : 0;
	}
	batch_ = {};
	services_.clear();
	if (!out) {
		return tl::unexpected(out.error());
	}
	return taken;
}

} // namespace prestack
