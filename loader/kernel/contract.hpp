// SPDX-License-Identifier: GPL-2.0-only
// Whether a plug-in's BPF object was compiled for the contract that this loader knows.
#pragma once

#include <bpf/libbpf.h>

#include "base/result.hpp"

namespace prestack
{

// Compares the object's ps_contract_version with PS_CONTRACT_VERSION; after opening, before loading.
[[nodiscard]] Result<void> check_contract(const bpf_object *object);

} // namespace prestack
