// SPDX-License-Identifier: GPL-2.0-only
// The few BPF instructions that the harness's own one-line programs are made of.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fd.hpp"
#include "system_error.hpp"

namespace prestack::test
{

constexpr bpf_insn instruction(int code, std::uint8_t dst, std::uint8_t src, std::int32_t imm)
{
	bpf_insn result{};
	result.code = static_cast<std::uint8_t>(code);
	result.dst_reg = dst & 0xf;
	result.src_reg = src & 0xf;
	result.imm = imm;
	return result;
}

constexpr bpf_insn mov64_imm(std::uint8_t dst, std::int32_t imm)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, imm);
}
constexpr bpf_insn mov64_reg(std::uint8_t dst, std::uint8_t src)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0);
}
constexpr bpf_insn load32(std::uint8_t dst, std::uint8_t src, std::int16_t offset)
{
	bpf_insn result = instruction(BPF_LDX | BPF_MEM | BPF_W, dst, src, 0);
	result.off = offset;
	return result;
}
constexpr bpf_insn skip_unless_zero(std::uint8_t reg, std::int16_t instructions)
{
	bpf_insn result = instruction(BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0);
	result.off = instructions;
	return result;
}
constexpr bpf_insn call(std::int32_t helper)
{
	return instruction(BPF_JMP | BPF_CALL, 0, 0, helper);
}
constexpr bpf_insn exit_program()
{
	return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0);
}

inline UniqueFd load_program(bpf_prog_type type, const std::string &name,
			     const std::vector<bpf_insn> &code)
{
	return UniqueFd(
		check(::bpf_prog_load(type, name.c_str(), "GPL", code.data(), code.size(), nullptr),
		      "load the BPF program " + name));
}

} // namespace prestack::test
