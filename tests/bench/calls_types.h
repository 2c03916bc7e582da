/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PRESTACK_BENCH_CALLS_TYPES_H
#define PRESTACK_BENCH_CALLS_TYPES_H

#define CALLS_TIMES 500 /* turns of each loop, the verifier walks through all of them */

#endif /* PRESTACK_BENCH_CALLS_TYPES_H */
