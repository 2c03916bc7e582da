// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/pin_names.hpp"

#include <prestack/types.h>

#include "dispatch.skel.h"
#include "maintenance.skel.h"

namespace prestack::pin
{

namespace
{

using Maps = decltype(dispatch_bpf::maps);
using Programs = decltype(dispatch_bpf::progs);
using MaintenancePrograms = decltype(maintenance_bpf::progs);

// The name of a member of a skeleton, which has to exist.
template <typename Skeleton, typename Member>
constexpr const char *name_of(Member *Skeleton::*, const char *name)
{
	return name;
}

} // namespace

#define PRESTACK_MAP_NAME(map) name_of(&Maps::map, #map)
#define PRESTACK_PROGRAM_NAME(program) name_of(&Programs::program, #program)
#define PRESTACK_MAINTENANCE_NAME(program) name_of(&MaintenancePrograms::program, #program)

const char *const service_conf = PRESTACK_MAP_NAME(ps_service_conf);
const char *const service_state = PRESTACK_MAP_NAME(ps_service_state);
const char *const stats = PRESTACK_MAP_NAME(ps_stats);
const char *const flows = PRESTACK_MAP_NAME(ps_flows);
const char *const handshakes = PRESTACK_MAP_NAME(ps_handshakes);
const char *const handover = PRESTACK_MAP_NAME(ps_handover);
const char *const addresses = PRESTACK_MAP_NAME(ps_addresses);
const char *const links = PRESTACK_MAP_NAME(ps_links);
const char *const ticket = PRESTACK_MAP_NAME(ps_ticket);
const char *const scan = PRESTACK_MAINTENANCE_NAME(ps_scan);
const char *const count_flows = PRESTACK_MAINTENANCE_NAME(ps_count_flows);
const char *const tc_ingress = PRESTACK_PROGRAM_NAME(ps_tc_ingress);
const char *const tc_egress = PRESTACK_PROGRAM_NAME(ps_tc_egress);

#undef PRESTACK_MAP_NAME
#undef PRESTACK_PROGRAM_NAME
#undef PRESTACK_MAINTENANCE_NAME

} // namespace prestack::pin
