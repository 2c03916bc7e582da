// SPDX-License-Identifier: GPL-2.0-only
// Programs that are never attached: they are test-run with a frame that is a structure, in and out.
#pragma once

#include <string>
#include <string_view>

#include <bpf/bpf.h>

#include "base/result.hpp"
#include "kernel/libbpf_options.hpp"

namespace prestack
{

// What the program makes of `in`. `name` is for the error.
template <typename Frame>
Result<Frame> run_with_frame(int program, std::string_view name, const Frame &in)
{
	Frame out{};
	auto options = libbpf_options<bpf_test_run_opts>();
	options.data_in = &in;
	options.data_size_in = sizeof in;
	options.data_out = &out;
	options.data_size_out = sizeof out;
	if (const int problem = bpf_prog_test_run_opts(program, &options); problem != 0) {
		return fail("program " + std::string(name), "run", problem);
	}
	return out;
}

} // namespace prestack
