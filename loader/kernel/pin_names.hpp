// SPDX-License-Identifier: GPL-2.0-only
// The names under which an instance pins its maps and programs, and by which another process finds them.
#pragma once

namespace prestack::pin
{

// Maps and programs of the core. pin_names.cpp takes the names from the skeletons, so that a map or
// program that is renamed cannot be missed here.
extern const char *const service_conf;
extern const char *const service_state;
extern const char *const stats;
extern const char *const flows;
extern const char *const handshakes;
extern const char *const handover;
extern const char *const addresses;
extern const char *const links;
extern const char *const ticket;
extern const char *const scan;
extern const char *const count_flows;
extern const char *const tc_ingress;
extern const char *const tc_egress;

// Maps that the loader makes itself. The kernel keeps 15 characters of a map's name.
inline constexpr const char *description = "ps_meta"; // see instance_dir.hpp
inline constexpr const char *table_format = "ps_table_format"; // see attach/takeover.hpp
inline constexpr const char *user_counters = "ps_user_counts"; // see user_counters.hpp
inline constexpr const char *control = "ps_control"; // see instance/control.hpp

} // namespace prestack::pin
