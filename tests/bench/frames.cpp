// SPDX-License-Identifier: GPL-2.0-only
#include "frames.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <fmt/format.h>

namespace prestack::bench
{
namespace
{

void put16(std::string &to, std::uint32_t value)
{
	to += static_cast<char>(value >> 8U & 0xffU);
	to += static_cast<char>(value & 0xffU);
}

void put32(std::string &to, std::uint32_t value)
{
	put16(to, value >> 16U);
	put16(to, value & 0xffffU);
}

std::uint32_t sum16(const std::string &bytes, std::uint32_t sum)
{
	for (std::size_t i = 0; i < bytes.size(); i++) {
		const auto byte = static_cast<unsigned char>(bytes[i]);
		sum += i % 2 == 0 ? static_cast<std::uint32_t>(byte) << 8U : byte;
	}
	return sum;
}

std::uint32_t checksum(std::uint32_t sum)
{
	while (sum > 0xffff) {
		sum = (sum & 0xffffU) + (sum >> 16U);
	}
	return ~sum & 0xffffU;
}

std::string datagram(std::uint32_t from, std::uint32_t to, std::uint16_t from_port,
		     std::uint16_t to_port, const std::string &payload)
{
	std::string addresses;
	put32(addresses, from);
	put32(addresses, to);
	const auto udp_length = static_cast<std::uint32_t>(8 + payload.size());

	std::string ip;
	put32(ip, 0x45000000U | (20 + udp_length));
	put32(ip, 0x4000);
	put16(ip, 0x4011); // ttl 64, UDP
	std::string with_sum = ip;
	put16(with_sum, checksum(sum16(addresses, sum16(ip, 0))));
	with_sum += addresses;

	std::string udp;
	put16(udp, from_port);
	put16(udp, to_port);
	put16(udp, udp_length);
	const auto pseudo = sum16(addresses, 17 + udp_length);
	put16(udp, checksum(sum16(payload, sum16(udp, pseudo))));
	return with_sum + udp + payload;
}

std::string frame(std::uint32_t from, std::uint32_t to, std::uint16_t from_port,
		  std::uint16_t to_port, const std::string &text)
{
	const std::string server_mac("\x02\0\0\0\0\1", 6);
	const std::string client_mac("\x02\0\0\0\0\2", 6);
	const std::string macs =
		to == server_address ? server_mac + client_mac : client_mac + server_mac;
	const std::string ethertype("\x08\0", 2);
	const std::string frame_header("\0\7\0\0\0\1\0\0", 8);
	return macs + ethertype + datagram(from, to, from_port, to_port, frame_header + text);
}

} // namespace

std::string key_name(std::uint32_t number)
{
	return fmt::format("key-{:0{}}", number, BENCH_KEY_LEN - 4);
}

std::string value_of(std::uint32_t number)
{
	return fmt::format("{:0{}}", number, BENCH_VALUE_LEN);
}

std::string request_frame(std::uint32_t number)
{
	return frame(client_address, server_address, 40000, port,
		     "get " + key_name(number) + "\r\n");
}

std::string reply_text(std::uint32_t number)
{
	return fmt::format("VALUE {} 0 {}\r\n{}\r\nEND\r\n", key_name(number), BENCH_VALUE_LEN,
			   value_of(number));
}

std::string reply_frame(std::uint32_t number)
{
	return frame(server_address, client_address, port, 40000, reply_text(number));
}

std::vector<std::uint32_t> draw_zipf(std::uint32_t keys, double skew)
{
	std::mt19937_64 random(1); // the same draws in each run
	std::vector<double> cumulative(keys);
	double total = 0;
	for (std::uint32_t rank = 0; rank < keys; rank++) {
		total += 1 / std::pow(rank + 1, skew);
		cumulative[rank] = total;
	}
	std::vector<std::uint32_t> key_of_rank(keys);
	std::iota(key_of_rank.begin(), key_of_rank.end(), 0U);
	std::shuffle(key_of_rank.begin(), key_of_rank.end(), random);
	std::uniform_real_distribution<double> uniform(0, total);
	std::vector<std::uint32_t> draws(BENCH_ORDER);
	for (auto &draw : draws) {
		const auto at =
			std::lower_bound(cumulative.begin(), cumulative.end(), uniform(random));
		draw = key_of_rank[static_cast<std::size_t>(
			std::min<std::ptrdiff_t>(at - cumulative.begin(), keys - 1))];
	}
	return draws;
}

} // namespace prestack::bench
