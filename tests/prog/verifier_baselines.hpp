// SPDX-License-Identifier: GPL-2.0-only
// Where it is written down what the verifier goes through for each program: a plug-in's programs in its
// own folder, so that a new plug-in changes no other file.
#pragma once

#include <span>
#include <string_view>

namespace prestack::test
{

struct VerifierBaseline {
	std::string_view object; // a plug-in's name, or "core"
	const char *file;
};

// Of each plug-in in this build, and of the core if its tests are part of the build.
std::span<const VerifierBaseline> verifier_baselines();

} // namespace prestack::test
