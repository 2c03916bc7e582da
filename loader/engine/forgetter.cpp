// SPDX-License-Identifier: GPL-2.0-only
#include "forgetter.hpp"

#include "engine/entry_sampler.hpp"
#include "engine/frame_program.hpp"

namespace prestack
{

Result<void> Forgetter::add(std::uint8_t service, std::string_view key)
{
	// No entry has such a key.
	if (key.size() > PS_MAX_KEY) {
		return {};
	}
	if (batch_.count == PS_MAX_FORGET || batch_.service != service) {
		if (auto given = give(); !given) {
			return given;
		}
	}
	batch_.service = service;
	batch_.hash[batch_.count++] = key_hash(config_, service, key);
	return {};
}

Result<void> Forgetter::give()
{
	if (batch_.count == 0) {
		return {};
	}
	const auto done = run_with_frame(program_, "ps_forget", batch_);
	batch_.count = 0;
	return done.map([](const ps_forget &) {});
}

} // namespace prestack
