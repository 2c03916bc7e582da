/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The version of the contract between the core and a plug-in. Every plug-in's object carries the version
 * that it was compiled with, and the loader refuses another one: the two share memory, and a plug-in that
 * lays it out differently would corrupt it.
 */
#ifndef PRESTACK_CONTRACT_H
#define PRESTACK_CONTRACT_H

/*
 * One more with each change after which a plug-in has to be compiled anew, or written differently: of a
 * structure or map that plug-ins see, or of what a function of plugin.bpf.h means.
 */
#define PS_CONTRACT_VERSION 1

#endif /* PRESTACK_CONTRACT_H */
