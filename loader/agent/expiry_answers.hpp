// SPDX-License-Identifier: GPL-2.0-only
// The kernel's questions when entries expire, and the answers that it gets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <prestack/types.h>

#include "base/result.hpp"
#include "plugin/agent_codec.hpp"

namespace prestack
{

// Until when the item of this answer to a question asked at `asked_at` (ns of CLOCK_MONOTONIC) surely
// lives: a time, PS_EXPIRES_NEVER, or nothing if not even then.
[[nodiscard]] std::optional<std::uint64_t> sure_expiry(const AgentReply &reply,
						       std::uint64_t asked_at);

// The question in a record of ring buffer ps_expiry_questions, which may be a brief one; nothing if it is none.
[[nodiscard]] std::optional<ps_expiry_question> question_of(const void *record, std::size_t size);

// Entries that may be served from now on, given to the kernel many at a time.
class ExpiryAnswers
{
public:
	explicit ExpiryAnswers(int program) : program_(program) {}
	// True if the batch is full: give it out.
	[[nodiscard]] bool add(std::uint8_t service, const ps_expiry_answer &answer);
	// Runs the program. For each service, how many answers were of use: index = service.
	[[nodiscard]] Result<std::vector<std::uint32_t>> give();

private:
	int program_;
	ps_expiry_answers batch_{};
	std::vector<std::uint8_t> services_; // of each answer in the batch
};

} // namespace prestack
