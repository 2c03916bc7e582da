// SPDX-License-Identifier: GPL-2.0-only
// What libbpf prints while it loads programs.
#pragma once

namespace prestack
{

// libbpf hands its messages, above all the verifier's log, only to a process-wide callback. While an
// object of this class lives, its warnings go to stderr. Otherwise they are dropped: other failures are
// often expected, and our own errors report them.
class LibbpfWarnings
{
public:
	LibbpfWarnings();
	~LibbpfWarnings();
	LibbpfWarnings(const LibbpfWarnings &) = delete;
	LibbpfWarnings &operator=(const LibbpfWarnings &) = delete;
};

} // namespace prestack
