/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached's protocols, as far as a cache in front of it has to understand them. Source: protocol.txt
 * and, where that is silent, proto_text.c and proto_bin.c of 1.6.18.
 */
#ifndef PRESTACK_MEMCACHED_PARSER_H
#define PRESTACK_MEMCACHED_PARSER_H

#include "binary.h"
#include "reply.h"
#include "request.h"

#endif /* PRESTACK_MEMCACHED_PARSER_H */
