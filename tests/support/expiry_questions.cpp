// SPDX-License-Identifier: GPL-2.0-only
#include "expiry_questions.hpp"

#include <bpf/libbpf.h>

#include <cerrno>
#include <memory>
#include <numeric>
#include <vector>

#include "loader/agent/expiry_answers.hpp"

namespace prestack::test
{

Result<unsigned> answer_expiry_questions(const Objects &objects)
{
	std::vector<ps_expiry_question> questions;
	const auto take = [](void *context, void *data, std::size_t size) {
		if (const auto question = question_of(data, size))
			static_cast<std::vector<ps_expiry_question> *>(context)->push_back(
				*question);
		return 0;
	};
	const std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> ring(
		ring_buffer__new(objects.maps().expiry_questions, take, &questions, nullptr),
		ring_buffer__free);
	if (!ring)
		return fail("map ps_expiry_questions", "open as a ring buffer", errno);
	ring_buffer__consume(ring.get());
	ExpiryAnswers answers(objects.programs().set_expiry);
	unsigned taken = 0;
	const auto give = [&]() -> Result<void> {
		return answers.give().map([&](const std::vector<std::uint32_t> &services) {
			taken = std::accumulate(services.begin(), services.end(), taken);
		});
	};
	for (const ps_expiry_question &question : questions) {
		if (!answers.add(question.service, {question.table, question.index, question.seq, 0,
						    PS_EXPIRES_NEVER}))
			continue;
		if (auto given = give(); !given)
			return tl::unexpected(given.error());
	}
	if (auto given = give(); !given)
		return tl::unexpected(given.error());
	return taken;
}

} // namespace prestack::test
