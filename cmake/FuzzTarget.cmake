# SPDX-License-Identifier: GPL-2.0-only
# libFuzzer targets:
#
#   prestack_fuzz_targets(PREFIX <prefix> DIRECTORY <dir> [INCLUDES <dir>...])
#
# Each *.c and *.cpp in DIRECTORY is one target, <build>/fuzz/<prefix>_<stem>, and
# DIRECTORY/corpus/<stem>/ is its checked-in corpus. libFuzzer comes with clang only,
# so a custom command calls clang even where the main compiler is another.
# All targets are listed, one `<executable> <corpus>` per line, in <build>/suites/fuzz
# (see TestSuite.cmake).
# Nothing is built unless PRESTACK_FUZZ is on.

if(PRESTACK_FUZZ)
	find_program(PRESTACK_CLANGXX NAMES clang++ clang++-14 REQUIRED)
	file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
	add_custom_target(fuzzers ALL)
endif()

function(prestack_fuzz_targets)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "PREFIX;DIRECTORY" "INCLUDES")
	if(NOT PRESTACK_FUZZ)
		return()
	endif()
	file(GLOB sources CONFIGURE_DEPENDS ${arg_DIRECTORY}/*.c ${arg_DIRECTORY}/*.cpp)

	set(flags -g -O1 -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-function
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)
	if(PRESTACK_WERROR)
		list(APPEND flags -Werror)
	endif()
	foreach(dir IN LISTS arg_INCLUDES)
		list(APPEND flags -I${dir})
	endforeach()
	list(APPEND flags -I${PRESTACK_ROOT} -I${PRESTACK_CONTRACT_DIR} -I${PRESTACK_ROOT}/core)

	foreach(source IN LISTS sources)
		get_filename_component(stem ${source} NAME_WE)
		get_filename_component(extension ${source} LAST_EXT)
		if(extension STREQUAL ".c")
			set(compile ${PRESTACK_CLANG} -std=gnu11)
		else()
			set(compile ${PRESTACK_CLANGXX} -std=c++20)
		endif()
		set(target ${arg_PREFIX}_${stem})
		set(binary ${CMAKE_BINARY_DIR}/fuzz/${target})
		add_custom_command(
			OUTPUT ${binary}
			COMMAND ${compile} ${flags} -MD -MF ${binary}.d -MT ${binary}
				${source} -o ${binary}
			DEPENDS ${source}
			DEPFILE ${binary}.d
			COMMENT "Building fuzz target ${target}"
			VERBATIM)
		add_custom_target(fuzz_${target} DEPENDS ${binary})
		add_dependencies(fuzzers fuzz_${target})
		set_property(GLOBAL APPEND_STRING PROPERTY PRESTACK_FUZZ_MANIFEST
			"${binary} ${arg_DIRECTORY}/corpus/${stem}\n")
		if(NOT PRESTACK_IN_TREE) # there, scripts/test runs them
			# New inputs go to the first folder; the corpus is only read.
			set(found ${CMAKE_BINARY_DIR}/fuzz/found_${target})
			file(MAKE_DIRECTORY ${found})
			add_test(NAME fuzz_${target} COMMAND ${binary} -max_total_time=5 -timeout=10
				-artifact_prefix=${found}. ${found} ${arg_DIRECTORY}/corpus/${stem})
			set_tests_properties(fuzz_${target} PROPERTIES LABELS fuzz)
		endif()
	endforeach()
endfunction()
