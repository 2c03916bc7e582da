/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Redis's protocol, as far as a cache in front of it has to understand it: both versions of RESP, and inline
 * commands. Source: the protocol's specification and, where that is silent, the behaviour of 7.0.
 */
#ifndef PRESTACK_REDIS_PARSER_H
#define PRESTACK_REDIS_PARSER_H

#include "reply.h"
#include "request.h"

#endif /* PRESTACK_REDIS_PARSER_H */
