// SPDX-License-Identifier: GPL-2.0-only
// The requests of the benchmarks, and the replies that fill the caches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench_types.h"

namespace prestack::bench
{

inline constexpr std::uint32_t client_address = 0x0a000002; // 10.0.0.2
inline constexpr std::uint32_t server_address = 0x0a000001;
inline constexpr std::uint16_t port = 11211;

// BENCH_KEY_LEN bytes.
[[nodiscard]] std::string key_name(std::uint32_t number);
// BENCH_VALUE_LEN bytes.
[[nodiscard]] std::string value_of(std::uint32_t number);
// A frame with a get for the key, checksums included; BENCH_REQUEST bytes.
[[nodiscard]] std::string request_frame(std::uint32_t number);
// The frame of the server's answer to it.
[[nodiscard]] std::string reply_frame(std::uint32_t number);
// "VALUE ...END\r\n".
[[nodiscard]] std::string reply_text(std::uint32_t number);
// BENCH_ORDER draws of 0..keys-1, Zipf with exponent `skew`, ranks scattered over the keys.
[[nodiscard]] std::vector<std::uint32_t> draw_zipf(std::uint32_t keys, double skew);

} // namespace prestack::bench
