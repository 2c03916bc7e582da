// SPDX-License-Identifier: GPL-2.0-only
#include "agent/invalidations.hpp"

#include "agent/entry_sampler.hpp"
#include "kernel/test_run.hpp"

namespace prestack
{

Result<void> Invalidations::add(std::uint8_t service, std::string_view key)
{
	// No entry has such a key.
	if (key.size() > PS_MAX_KEY) {
		return {};
	}
	if (batch_.count == PS_MAX_INVALIDATIONS || batch_.service != service) {
		if (auto given = give(); !given) {
			return given;
		}
	}
	batch_.service = service;
	batch_.hash[batch_.count++] = key_hash(config_, service, key);
	return {};
}

Result<void> Invalidations::give()
{
	if (batch_.count == 0) {
		return {};
	}
	const auto done = run_with_frame(program_, "ps_invalidations", batch_);
	batch_.count = 0;
	return done.map([](const ps_invalidations &) {});
}

} // namespace prestack
