/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the benchmark's BPF programs and its C++ half. */
#ifndef PRESTACK_BENCH_TYPES_H
#define PRESTACK_BENCH_TYPES_H

#define BENCH_KEY_LEN 16
#define BENCH_VALUE_LEN 32
#define BENCH_HEADERS 42 /* Ethernet, IPv4, UDP */
#define BENCH_REQUEST                                                                              \
	(BENCH_HEADERS + 8 + 4 + BENCH_KEY_LEN + 2) /* frame header, "get ", key, CRLF */
#define BENCH_NAIVE_GROWTH 128 /* bytes by which the naive cache grows a frame at its head */
#define BENCH_KEYS 100000
#define BENCH_ORDER (1 << 20) /* keys drawn in advance, power of two */

/* A whole request, padded to words, so that restoring it is nine stores. */
struct bench_frame {
	unsigned long long word[(BENCH_REQUEST + 7) / 8];
};

/* What may be tail-called. */
enum bench_target { BENCH_ECHO, BENCH_PRESTACK, BENCH_NAIVE, BENCH_TARGETS };

#endif
