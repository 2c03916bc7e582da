// SPDX-License-Identifier: GPL-2.0-only
#include "value.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace prestack::test
{

namespace
{

constexpr std::size_t digits = 20;
constexpr std::size_t addition_size = digits + 1; // and a bar

constexpr std::array kinds{KeyKind::text,      KeyKind::counter, KeyKind::appended,
			   KeyKind::prepended, KeyKind::text,	 KeyKind::mortal};

std::size_t size_of(std::uint64_t version)
{
	const std::uint64_t mixed = (version * 0x9e3779b97f4a7c15ULL) >> 32;
	return version % 2 == 0 ? digits + mixed % 50 : 100 + mixed % 900;
}

std::string number_text(std::uint64_t number)
{
	std::array<char, digits + 1> text;
	std::snprintf(text.data(), text.size(), "%020llu", static_cast<unsigned long long>(number));
	return text.data();
}

// The number that these digits are, all of them.
std::optional<std::uint64_t> number_in(std::string_view text)
{
	std::uint64_t number = 0;
	const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
	if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
		return std::nullopt;
	return number;
}

std::uint64_t text_version(std::string_view value)
{
	const auto version = number_in(value.substr(0, digits));
	return version && value == value_of(*version) ? *version : garbage_version;
}

std::uint64_t counter_version(std::string_view value)
{
	// What becomes shorter is filled up with blanks.
	value = value.substr(0, value.find_last_not_of(' ') + 1);
	const auto number = number_in(value);
	return number && *number != 0 && *number % counter_unit == 0 ? *number : garbage_version;
}

std::uint64_t appended_version(std::string_view value)
{
	std::uint64_t latest = garbage_version;
	while (value.size() >= addition_size && value[value.size() - addition_size] == '|') {
		const auto version = number_in(value.substr(value.size() - digits));
		if (!version)
			return garbage_version;
		if (latest == garbage_version)
			latest = *version;
		value.remove_suffix(addition_size);
	}
	const std::uint64_t text = text_version(value);
	return latest == garbage_version || text == garbage_version ? text : latest;
}

std::uint64_t prepended_version(std::string_view value)
{
	std::uint64_t latest = garbage_version;
	while (value.size() > digits && value[digits] == '|') {
		const auto version = number_in(value.substr(0, digits));
		if (!version)
			return garbage_version;
		if (latest == garbage_version)
			latest = *version;
		value.remove_prefix(addition_size);
	}
	const std::uint64_t text = text_version(value);
	return latest == garbage_version || text == garbage_version ? text : latest;
}

// The data block of `size` bytes behind the first line; nullopt if it is not there.
std::optional<std::string_view> data_in(std::string_view reply, std::string_view size)
{
	const auto length = number_in(size);
	const auto begin = reply.find("\r\n") + 2;
	if (!length || begin + *length + 2 > reply.size())
		return std::nullopt;
	return reply.substr(begin, *length);
}

std::string_view word_at(std::string_view line, unsigned index)
{
	for (; index > 0; --index) {
		const auto blank = line.find(' ');
		if (blank == std::string_view::npos)
			return {};
		line.remove_prefix(blank + 1);
	}
	return line.substr(0, line.find_first_of(" \r"));
}

} // namespace

KeyKind kind_of(std::uint32_t key)
{
	return kinds.at(key % kinds.size());
}

std::string key_name(std::uint32_t key)
{
	return "litmus-" + std::to_string(key);
}

std::string base64_key_name(std::uint32_t key)
{
	constexpr std::string_view alphabet =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const std::string name = key_name(key);
	std::string text;
	for (std::size_t i = 0; i < name.size(); i += 3) {
		std::uint32_t bits = 0;
		for (std::size_t j = i; j < i + 3; ++j)
			bits = bits << 8 |
			       (j < name.size() ? static_cast<unsigned char>(name[j]) : 0);
		for (std::size_t j = 0; j < 4; ++j) {
			text += i + j > name.size() ? '=' : alphabet[bits >> (18 - 6 * j) & 0x3f];
		}
	}
	return text;
}

std::string value_of(std::uint64_t version)
{
	std::string value = number_text(version);
	value.resize(size_of(version), static_cast<char>('a' + version % 26));
	return value;
}

std::string addition_of(KeyKind kind, std::uint64_t version)
{
	return kind == KeyKind::appended ? "|" + number_text(version) : number_text(version) + "|";
}

std::uint64_t version_of(KeyKind kind, std::string_view value)
{
	switch (kind) {
	case KeyKind::counter:
		return counter_version(value);
	case KeyKind::appended:
		return appended_version(value);
	case KeyKind::prepended:
		return prepended_version(value);
	case KeyKind::text:
	case KeyKind::mortal:
		break;
	}
	return text_version(value);
}

std::optional<std::uint64_t> version_in(std::uint32_t key, std::string_view reply)
{
	// A missing `mg` gives back its opaque and key.
	if (reply == "END\r\n" || reply.starts_with("EN\r\n") || reply.starts_with("EN "))
		return absent_version;
	std::string_view size;
	if (reply.starts_with("VALUE ")) {
		if (word_at(reply, 1) != key_name(key))
			return garbage_version; // a wrong key's value is a wrong answer
		size = word_at(reply, 3);
	} else if (reply.starts_with("VA ")) {
		size = word_at(reply, 1);
	} else {
		return std::nullopt;
	}
	const auto data = data_in(reply, size);
	return data ? version_of(kind_of(key), *data) : garbage_version;
}

} // namespace prestack::test
