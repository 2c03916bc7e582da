// SPDX-License-Identifier: GPL-2.0-only
// The parser over bytes of a test's choice, and what the plug-in makes of a whole stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../parser.h"

namespace prestack::memcached
{

// A buffer of the size that the parser may rely on. What lies behind the message is `leftover`.
class Input
{
public:
	explicit Input(std::string_view message, char leftover = '\0')
	{
		if (message.size() > PS_IN_SIZE)
			throw std::length_error("a message is at most PS_IN_SIZE bytes");
		bytes_.fill(static_cast<std::uint8_t>(leftover));
		std::copy(message.begin(), message.end(), bytes_.begin());
		end_ = static_cast<std::uint32_t>(message.size());
	}
	// With the first `end` bytes of `packet` as the message: what was cut off lies behind it.
	static Input cut(std::string_view packet, std::size_t end)
	{
		Input input(packet);
		input.end_ = static_cast<std::uint32_t>(end);
		return input;
	}

	ps_cursor cursor(std::uint32_t pos = 0) const { return {bytes_.data(), pos, end_, 0}; }
	std::uint32_t end() const { return end_; }
	std::string text(std::uint32_t pos, std::uint32_t len) const
	{
		return {reinterpret_cast<const char *>(bytes_.data()) + pos, len};
	}

private:
	std::array<std::uint8_t, PS_IN_BUFFER> bytes_;
	std::uint32_t end_ = 0;
};

inline mc_command parse_command(const Input &input, std::uint32_t pos = 0)
{
	const ps_cursor cursor = input.cursor(pos);
	mc_command command{};
	mc_parse_command(&cursor, &command);
	return command;
}

// Which keys the commands of a packet may change, told as mc_observe() of plugin.bpf.c does it.
struct Effect {
	static constexpr unsigned kMaxCommands = 64;

	bool everything = false; // the cache is flushed
	std::string keys; // else: those invalidated, each followed by a newline

	bool may_change(std::string_view key) const
	{
		return everything ||
		       ("\n" + keys).find("\n" + std::string(key) + "\n") != std::string::npos;
	}
};

inline bool collect_many(const Input &input, const mc_command &command, Effect &effect)
{
	const ps_cursor cursor = input.cursor();
	std::uint32_t pos = command.key;
	for (unsigned i = 0; i < MC_MAX_TOKENS; ++i) {
		const std::uint32_t len = mc_token(&cursor, &pos, command.line_end);
		if (len == 0)
			return mc_at_line_end(&cursor, pos, command.line_end) != 0;
		effect.keys += input.text(pos, len) + "\n";
		pos += len;
	}
	return false;
}

inline Effect observe(const Input &input)
{
	Effect effect;
	std::uint32_t pos = 0;
	for (unsigned i = 0; i < Effect::kMaxCommands; ++i) {
		if (pos >= input.end())
			return effect;
		const mc_command command = parse_command(input, pos);
		if (command.kind == MC_WRITE)
			effect.keys += input.text(command.key, command.key_len) + "\n";
		else if (command.kind == MC_WRITE_MANY && !collect_many(input, command, effect))
			break;
		else if (command.kind != MC_READ && command.kind != MC_READ_MANY &&
			 command.kind != MC_WRITE_MANY)
			break;
		if (command.next > input.end())
			break;
		pos = command.next;
	}
	effect.everything = true;
	return effect;
}

} // namespace prestack::memcached
