# SPDX-License-Identifier: GPL-2.0-only
# From BPF C to a skeleton header:
#
#   prestack_bpf_object(NAME <name> SOURCE <file.bpf.c> [INCLUDES <dir>...]
#                       [DEFINES <name>...] [OUT <var>])
#
# clang compiles SOURCE into <build>/bpf/<name>.bpf.o, and bpftool turns that into
# <build>/skeletons/<name>.skel.h, which declares `struct <name>_bpf` and the
# functions `<name>_bpf__*` (libbpf's own naming). OUT, if given, becomes the name
# of an interface library: link to it to be able to include the skeleton.
# NAME is a C identifier, unique in the build.

set(PRESTACK_VMLINUX_BTF /sys/kernel/btf/vmlinux CACHE FILEPATH
	"Kernel type information (BTF) that vmlinux.h is generated from")
if(NOT EXISTS ${PRESTACK_VMLINUX_BTF})
	message(FATAL_ERROR "No kernel type information at ${PRESTACK_VMLINUX_BTF}: vmlinux.h "
		"cannot be generated. Set PRESTACK_VMLINUX_BTF to the BTF, or the vmlinux image, "
		"of a kernel built with CONFIG_DEBUG_INFO_BTF.")
endif()

set(PRESTACK_VMLINUX_DIR ${CMAKE_BINARY_DIR}/vmlinux)
set(PRESTACK_BPF_DIR ${CMAKE_BINARY_DIR}/bpf)
set(PRESTACK_SKELETON_DIR ${CMAKE_BINARY_DIR}/skeletons)
file(MAKE_DIRECTORY ${PRESTACK_VMLINUX_DIR} ${PRESTACK_BPF_DIR} ${PRESTACK_SKELETON_DIR})

# No dependency on the BTF file itself: sysfs gives it a new time at each boot,
# which would rebuild everything. Another path changes the command and is noticed.
add_custom_command(
	OUTPUT ${PRESTACK_VMLINUX_DIR}/vmlinux.h
	COMMAND ${PRESTACK_BPFTOOL} btf dump file ${PRESTACK_VMLINUX_BTF} format c
		> ${PRESTACK_VMLINUX_DIR}/vmlinux.h
	COMMENT "Generating vmlinux.h"
	VERBATIM)
add_custom_target(prestack_vmlinux DEPENDS ${PRESTACK_VMLINUX_DIR}/vmlinux.h)

# The spelling of the architecture that libbpf's tracing headers use.
function(prestack_bpf_arch out)
	set(arch ${CMAKE_SYSTEM_PROCESSOR})
	if(arch MATCHES "^(x86_64|amd64|AMD64|i.86)$")
		set(arch x86)
	elseif(arch MATCHES "^(aarch64|arm64)$")
		set(arch arm64)
	elseif(arch MATCHES "^riscv")
		set(arch riscv)
	elseif(arch MATCHES "^(ppc64|powerpc)")
		set(arch powerpc)
	elseif(arch MATCHES "^s390")
		set(arch s390)
	elseif(arch MATCHES "^arm")
		set(arch arm)
	endif()
	set(${out} ${arch} PARENT_SCOPE)
endfunction()

function(prestack_bpf_object)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;SOURCE;OUT" "INCLUDES;DEFINES")
	if(NOT arg_NAME OR NOT arg_SOURCE OR arg_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "prestack_bpf_object: NAME and SOURCE are needed; "
			"not understood: '${arg_UNPARSED_ARGUMENTS}'")
	endif()
	get_filename_component(source ${arg_SOURCE} ABSOLUTE)
	set(object ${PRESTACK_BPF_DIR}/${arg_NAME}.bpf.o)
	set(skeleton ${PRESTACK_SKELETON_DIR}/${arg_NAME}.skel.h)
	prestack_bpf_arch(arch)

	set(flags -std=gnu11 -O2 -g -target bpf -mcpu=v3 -fno-strict-aliasing -D__TARGET_ARCH_${arch}
		-Wall -Wextra
		# Headers of inline functions: a program uses only some of them.
		-Wno-unused-function
		# Callbacks of helpers have a fixed signature.
		-Wno-unused-parameter)
	if(PRESTACK_WERROR)
		list(APPEND flags -Werror)
	endif()
	foreach(dir IN LISTS arg_INCLUDES)
		get_filename_component(dir ${dir} ABSOLUTE)
		list(APPEND flags -I${dir})
	endforeach()
	foreach(define IN LISTS arg_DEFINES)
		list(APPEND flags -D${define})
	endforeach()
	list(APPEND flags
		-I${PRESTACK_CONTRACT_DIR}
		-I${PRESTACK_ROOT}/core
		-isystem ${PRESTACK_VMLINUX_DIR})
	if(CMAKE_C_LIBRARY_ARCHITECTURE)
		# <asm/*.h>: -target bpf does not know the host's multiarch directory.
		list(APPEND flags -idirafter /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE})
	endif()

	add_custom_command(
		OUTPUT ${object}
		COMMAND ${PRESTACK_CLANG} ${flags} -MD -MF ${object}.d -MT ${object}
			-c ${source} -o ${object}
		# DWARF goes, BTF stays: it is all that libbpf and the kernel read.
		COMMAND ${PRESTACK_LLVM_STRIP} -g ${object}
		DEPENDS ${source} ${PRESTACK_VMLINUX_DIR}/vmlinux.h prestack_vmlinux
		DEPFILE ${object}.d
		COMMENT "Compiling BPF object ${arg_NAME}"
		VERBATIM)
	# Written aside and renamed: a failed bpftool must not leave half a header.
	add_custom_command(
		OUTPUT ${skeleton}
		COMMAND ${PRESTACK_BPFTOOL} gen skeleton ${object} name ${arg_NAME}_bpf
			> ${skeleton}.tmp
		COMMAND ${CMAKE_COMMAND} -E rename ${skeleton}.tmp ${skeleton}
		DEPENDS ${object}
		COMMENT "Generating skeleton ${arg_NAME}.skel.h"
		VERBATIM)

	set(target prestack_skel_${arg_NAME})
	add_custom_target(${target}_header DEPENDS ${skeleton})
	add_library(${target} INTERFACE)
	add_dependencies(${target} ${target}_header)
	target_include_directories(${target} SYSTEM INTERFACE ${PRESTACK_SKELETON_DIR})
	target_link_libraries(${target} INTERFACE PkgConfig::libbpf)
	if(arg_OUT)
		set(${arg_OUT} ${target} PARENT_SCOPE)
	endif()
endfunction()
