// SPDX-License-Identifier: GPL-2.0-only
#include "plugin/new_plugin.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace prestack
{
namespace
{

bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

std::string symbol_of(std::string_view name)
{
	std::string symbol(name);
	std::ranges::replace(symbol, '-', '_');
	return symbol;
}

std::string upper(std::string text)
{
	std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
	return text;
}

// "my-plugin" -> "MyPlugin".
std::string camel(std::string_view name)
{
	std::string out;
	bool first = true;
	for (const char c : name) {
		if (c == '-') {
			first = true;
			continue;
		}
		out += first ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
		first = false;
	}
	return out;
}

void replace_all(std::string &text, std::string_view from, std::string_view to)
{
	for (std::size_t at = text.find(from); at != std::string::npos;
	     at = text.find(from, at + to.size())) {
		text.replace(at, from.size(), to);
	}
}

} // namespace

std::string check_plugin_name(std::string_view name)
{
	const bool good = !name.empty() && name.size() <= 32 && is_lower(name.front()) &&
			  std::ranges::all_of(name, [](char c) {
				  return is_lower(c) || (c >= '0' && c <= '9') || c == '-';
			  });
	return good ? "" : "use 1..32 lower-case letters, digits and dashes, a letter first";
}

std::string rename_template(std::string_view text, std::string_view name)
{
	const std::string symbol = symbol_of(name);
	const std::string quoted = '"' + std::string(name) + '"';
	std::string out(text);
	// Set aside, lest what is in quotation marks becomes a symbol: no file of the template holds it.
	constexpr std::string_view in_quotes = "\x01";
	replace_all(out, "\"sample\"", in_quotes);
	replace_all(out, "SAMPLE", upper(symbol));
	replace_all(out, "Sample", camel(name));
	replace_all(out, "sample", symbol);
	replace_all(out, in_quotes, quoted);
	return out;
}

Result<std::filesystem::path> write_new_plugin(const std::string &name,
					       const std::filesystem::path &parent)
{
	const std::filesystem::path folder = parent / name;
	std::error_code problem;
	std::filesystem::create_directories(parent, problem);
	if (problem || !std::filesystem::create_directory(folder, problem)) {
		return fail("folder " + folder.string(), "create",
			    problem ? problem.value() : EEXIST);
	}
	for (const auto &[path, text] : plugin_template()) {
		const std::filesystem::path file = folder / path;
		std::filesystem::create_directories(file.parent_path(), problem);
		std::ofstream out(file, std::ios::binary);
		out << rename_template(text, name);
		out.close();
		if (!out) {
			return fail("file " + file.string(), "write", errno);
		}
	}
	return folder;
}

} // namespace prestack
