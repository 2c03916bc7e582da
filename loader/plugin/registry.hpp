// SPDX-License-Identifier: GPL-2.0-only
// The protocol plug-ins that were compiled into this executable.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "plugin/agent_codec.hpp"

namespace prestack
{

struct PluginInfo {
	std::string_view name; // the plug-in's folder name; what `protocol` in TOML says
	std::string_view description; // one line, may be empty
	bool experimental; // not yet for production: say so where it is used

	// The plug-in's BPF object as an ELF image. Never fails; stores the length in
	// bytes in *size, which must not be null. The bytes live as long as the process.
	const void *(*elf_bytes)(std::size_t *size);

	// Makes the codec of one connection to the server. Null: the plug-in has no user-space half.
	std::unique_ptr<AgentCodec> (*make_agent)() = nullptr;
};

// All plug-ins, in the order in which the build found them (by name; test-only ones
// last). Constant data: safe from any thread at any time. The definition is generated
// at build time; the shipped binary and the tests link different ones.
std::span<const PluginInfo> plugins();

} // namespace prestack
