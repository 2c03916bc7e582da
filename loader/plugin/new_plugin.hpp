// SPDX-License-Identifier: GPL-2.0-only
// Starting a plug-in: a folder with the template's files, in which the template's name is replaced.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace prestack
{

struct TemplateFile {
	std::string_view path; // within the folder
	std::string_view text;
};

// The template's files. Generated at build time from a plug-in that is built and tested as it is.
std::span<const TemplateFile> plugin_template();

// What is wrong with a plug-in's name; empty if it is good.
[[nodiscard]] std::string check_plugin_name(std::string_view name);

// `text` of the template with the plug-in's name, in all its spellings: as it is where it stands in
// quotation marks, and in symbols with '_' in place of '-', also in capitals and without it.
[[nodiscard]] std::string rename_template(std::string_view text, std::string_view name);

// Writes the folder `parent`/`name`, which must not exist, and returns its path.
[[nodiscard]] Result<std::filesystem::path> write_new_plugin(const std::string &name,
							     const std::filesystem::path &parent);

} // namespace prestack
