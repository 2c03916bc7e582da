// SPDX-License-Identifier: GPL-2.0-only
#include "binary_frame.hpp"

namespace prestack::test
{

namespace
{

constexpr std::size_t header_size = 24;

std::string big_endian(std::uint64_t value, unsigned bytes)
{
	std::string text;
	while (bytes-- > 0)
		text += static_cast<char>(value >> (8 * bytes) & 0xff);
	return text;
}

std::uint32_t number_at(std::string_view bytes, std::size_t at, unsigned size)
{
	std::uint32_t value = 0;
	for (const char each : bytes.substr(at, size))
		value = value << 8 | static_cast<unsigned char>(each);
	return value;
}

} // namespace

std::string big_endian32(std::uint32_t value)
{
	return big_endian(value, 4);
}

std::string big_endian64(std::uint64_t value)
{
	return big_endian(value, 8);
}

std::string binary_request(Opcode opcode, std::string_view key, std::string_view extras,
			   std::string_view value, std::uint64_t unique)
{
	std::string frame = big_endian(0x80, 1) + big_endian(static_cast<std::uint8_t>(opcode), 1);
	frame += big_endian(key.size(), 2) + big_endian(extras.size(), 1);
	frame += big_endian(0, 1) + big_endian(0, 2); // data type, virtual bucket
	frame +=
		big_endian32(static_cast<std::uint32_t>(extras.size() + key.size() + value.size()));
	frame += big_endian32(0x12345678) + big_endian64(unique); // opaque, cas
	return frame.append(extras).append(key).append(value);
}

std::string store_extras(std::uint32_t expiry, std::uint32_t flags)
{
	return big_endian32(flags) + big_endian32(expiry);
}

std::string count_extras(std::uint64_t delta, std::uint64_t initial, std::uint32_t expiry)
{
	return big_endian64(delta) + big_endian64(initial) + big_endian32(expiry);
}

std::size_t binary_reply_length(std::string_view stream)
{
	if (stream.size() < header_size)
		return 0;
	const std::size_t length = header_size + number_at(stream, 8, 4);
	return length <= stream.size() ? length : 0;
}

std::size_t binary_length_up_to_noop(std::string_view stream)
{
	std::size_t length = 0;
	for (;;) {
		const std::string_view rest = stream.substr(length);
		const std::size_t one = binary_reply_length(rest);
		if (one == 0)
			return 0;
		length += one;
		if (number_at(rest, 1, 1) == static_cast<std::uint8_t>(Opcode::noop))
			return length;
	}
}

std::uint16_t binary_status(std::string_view stream)
{
	return static_cast<std::uint16_t>(number_at(stream, 6, 2));
}

} // namespace prestack::test
