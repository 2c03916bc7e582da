// SPDX-License-Identifier: GPL-2.0-only
#include "instance/drain.hpp"

#include <algorithm>

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

constexpr auto look = 100ms;
// Connections that were reset are gone at once; one that is not is none of those we may reset.
constexpr int most_resets = 10;

} // namespace

Result<DrainReport> Drain::run(const Left &left, const Wait &wait)
{
	int resets = 0;
	for (bool first = true;; first = false) {
		const auto spliced = connections_.list();
		if (!spliced) {
			return tl::unexpected(spliced.error());
		}
		if (first) {
			report_.spliced = spliced->size();
		}
		if (spliced->empty()) {
			return report_;
		}
		const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(left());
		if (first && remaining.count() > 0) {
			log_->info("draining: {} connections are translated; waiting up to {} s "
				   "for them to close",
				   spliced->size(),
				   std::chrono::duration<double>(remaining).count());
		}
		if (remaining.count() <= 0) {
			const auto reset = connections_.reset();
			if (!reset) {
				return tl::unexpected(reset.error());
			}
			report_.reset += *reset;
			log_->info("{} connections that were still translated were reset", *reset);
			if (++resets == most_resets) {
				return fail("connections", "reset");
			}
		}
		const std::chrono::milliseconds pause =
			remaining.count() <= 0
				? 1ms
				: std::min<std::chrono::milliseconds>(remaining, look);
		if (auto done = wait(pause); !done) {
			return tl::unexpected(done.error());
		}
	}
}

} // namespace prestack
