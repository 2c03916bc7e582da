/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways to write plain C such that neither the compiler nor the verifier loses what is known of a
 * value.
 */
#ifndef PRESTACK_RUNTIME_VERIFIER_BPF_H
#define PRESTACK_RUNTIME_VERIFIER_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>

#define ps_read_once(x) (*(const volatile typeof(x) *)&(x))

/*
 * Whether *len is 1..max. Helpers want a size that is known not to be 0. It is written with a
 * subtraction, since the verifier of Linux 6.1 learns nothing from `len != 0`.
 */
static __always_inline bool ps_size_fits(__u32 *len, const __u32 max)
{
	__u32 n = *len - 1;

	ps_opaque(n);
	if (n >= max)
		return false;
	*len = n + 1;
	return true;
}

#endif /* PRESTACK_RUNTIME_VERIFIER_BPF_H */
