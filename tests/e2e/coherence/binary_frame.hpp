// SPDX-License-Identifier: GPL-2.0-only
// memcached's binary protocol, as far as tests speak it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace prestack::test
{

enum class Opcode : std::uint8_t {
	get = 0x00,
	set = 0x01,
	add = 0x02,
	replace = 0x03,
	remove = 0x04,
	increment = 0x05,
	decrement = 0x06,
	quit = 0x07,
	flush = 0x08,
	getq = 0x09,
	noop = 0x0a,
	version = 0x0b,
	getk = 0x0c,
	getkq = 0x0d,
	append = 0x0e,
	prepend = 0x0f,
	stat = 0x10,
	setq = 0x11,
	addq = 0x12,
	replaceq = 0x13,
	removeq = 0x14,
	incrementq = 0x15,
	decrementq = 0x16,
	quitq = 0x17,
	flushq = 0x18,
	appendq = 0x19,
	prependq = 0x1a,
	touch = 0x1c,
	gat = 0x1d,
	gatq = 0x1e,
	gatk = 0x23,
	gatkq = 0x24,
};

// Network byte order.
std::string big_endian32(std::uint32_t value);
std::string big_endian64(std::uint64_t value);

std::string binary_request(Opcode opcode, std::string_view key, std::string_view extras = {},
			   std::string_view value = {}, std::uint64_t unique = 0);

// Extras of set, add and replace.
std::string store_extras(std::uint32_t expiry = 0, std::uint32_t flags = 0);
// Extras of increment and decrement; an expiry of 0xffffffff: no item is made.
std::string count_extras(std::uint64_t delta, std::uint64_t initial = 0,
			 std::uint32_t expiry = 0xffffffff);

// Length of the first reply in `stream`, 0 while it is incomplete.
std::size_t binary_reply_length(std::string_view stream);
// The same for everything up to the reply to a noop.
std::size_t binary_length_up_to_noop(std::string_view stream);
// Status of the first reply, 0 is success.
std::uint16_t binary_status(std::string_view stream);

} // namespace prestack::test
