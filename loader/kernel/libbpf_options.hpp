// SPDX-License-Identifier: GPL-2.0-only
// libbpf's option structs without its macro, which is GNU C.
#pragma once

#include <cstring>

namespace prestack
{

// All zero, the padding too (libbpf checks it), but for the size.
template <typename Options>
Options libbpf_options()
{
	Options options;
	std::memset(&options, 0, sizeof options);
	options.sz = sizeof options;
	return options;
}

} // namespace prestack
