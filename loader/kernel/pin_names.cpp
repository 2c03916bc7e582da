// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/pin_names.hpp"

#include <prestack/types.h>

#include "dispatch.skel.h"
#include "maintenance.skel.h"

namespace prestack::pin
{

// The name of a member of a skeleton; does not compile if there is none.
#define PRESTACK_MAP_NAME(map)                                                                     \
	(static_cast<void>(sizeof(static_cast<dispatch_bpf *>(nullptr)->maps.map)), #map)
#define PRESTACK_PROGRAM_NAME(object, program)                                                     \
	(static_cast<void>(sizeof(static_cast<object *>(nullptr)->progs.program)), #program)

const char *const service_conf = PRESTACK_MAP_NAME(ps_service_conf);
const char *const service_state = PRESTACK_MAP_NAME(ps_service_state);
const char *const stats = PRESTACK_MAP_NAME(ps_stats);
const char *const flows = PRESTACK_MAP_NAME(ps_flows);
const char *const handshakes = PRESTACK_MAP_NAME(ps_handshakes);
const char *const handover = PRESTACK_MAP_NAME(ps_handover);
const char *const ticket = PRESTACK_MAP_NAME(ps_ticket);
const char *const scan = PRESTACK_PROGRAM_NAME(maintenance_bpf, ps_scan);
const char *const count_flows = PRESTACK_PROGRAM_NAME(maintenance_bpf, ps_count_flows);
const char *const tc_ingress = PRESTACK_PROGRAM_NAME(dispatch_bpf, ps_tc_ingress);
const char *const tc_egress = PRESTACK_PROGRAM_NAME(dispatch_bpf, ps_tc_egress);

#undef PRESTACK_MAP_NAME
#undef PRESTACK_PROGRAM_NAME

} // namespace prestack::pin
