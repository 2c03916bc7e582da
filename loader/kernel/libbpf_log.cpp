// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/libbpf_log.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string>

#include <bpf/libbpf.h>

namespace prestack
{
namespace
{

// The verifier's log of a program that it refuses can have a million lines. The last ones say why.
constexpr std::size_t longest_warning = 4000;

int print_warning(libbpf_print_level level, const char *format, va_list arguments)
{
	if (level != LIBBPF_WARN) {
		return 0;
	}
	va_list again;
	va_copy(again, arguments);
	const int length = std::vsnprintf(nullptr, 0, format, arguments);
	std::string text(static_cast<std::size_t>(std::max(length, 0)) + 1, '\0');
	std::vsnprintf(text.data(), text.size(), format, again);
	va_end(again);
	text.pop_back();
	if (text.size() > longest_warning) {
		const auto cut = text.find('\n', text.size() - longest_warning);
		text = text.substr(0, text.find('\n')) + "\n[...]" +
		       text.substr(cut == std::string::npos ? 0 : cut);
	}
	return std::fputs(text.c_str(), stderr);
}

} // namespace

LibbpfWarnings::LibbpfWarnings()
{
	libbpf_set_print(print_warning);
}

LibbpfWarnings::~LibbpfWarnings()
{
	libbpf_set_print(nullptr);
}

} // namespace prestack
