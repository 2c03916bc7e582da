/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by measure.bpf.c and its user. */
#ifndef PRESTACK_MEASURE_H
#define PRESTACK_MEASURE_H

#define MEASURE_SIZE 1024

/* The packet that is restored before each run. */
struct measure_packet {
	__u32 len;
	__u8 bytes[MEASURE_SIZE];
};

#endif /* PRESTACK_MEASURE_H */
