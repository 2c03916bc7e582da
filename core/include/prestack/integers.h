/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's integer types: from vmlinux.h for BPF, from the system's headers natively. */
#ifndef PRESTACK_INTEGERS_H
#define PRESTACK_INTEGERS_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#endif

#endif /* PRESTACK_INTEGERS_H */
