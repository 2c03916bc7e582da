# SPDX-License-Identifier: GPL-2.0-only
# Protocol plug-ins. A folder under protocols/ is a plug-in; its CMakeLists.txt is
# one call:
#
#   add_protocol_plugin([DESCRIPTION "<one line>"] [EXPERIMENTAL] [TEST_ONLY])
#
# The plug-in is named after the folder; in symbols '-' becomes '_'. What is in the
# folder decides what is built:
#
#   plugin.bpf.c       the programs, built into the plug-in's skeleton (required)
#   agent.{hpp,cpp}    user-space half, linked where the plug-in is registered; defines
#                      std::unique_ptr<AgentCodec> prestack::make_<symbol>_agent()
#   fuzz/*.c, *.cpp    libFuzzer targets, corpus in fuzz/corpus/<stem>/
#   tests/*.cpp        unit tests: one executable <symbol>_unit_tests
#   tests/dialect.cpp  not a unit test: teaches the conformance suite the protocol
#   tests/prog/*.cpp   join the prog_tests executable
#   tests/e2e/*.cpp    join the e2e_tests executable
#
# TEST_ONLY keeps a plug-in out of the shipped binary: it is registered for tests only.

function(add_protocol_plugin)
	cmake_parse_arguments(PARSE_ARGV 0 arg "EXPERIMENTAL;TEST_ONLY" "DESCRIPTION" "")
	if(arg_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "add_protocol_plugin: not understood: ${arg_UNPARSED_ARGUMENTS}")
	endif()
	set(dir ${CMAKE_CURRENT_SOURCE_DIR})
	get_filename_component(name ${dir} NAME)
	string(REPLACE "-" "_" symbol ${name})
	if(NOT symbol MATCHES "^[a-z][a-z0-9_]*$")
		message(FATAL_ERROR "Plug-in folder '${name}': a name is lower-case letters, digits "
			"and '-', and starts with a letter")
	endif()
	if(NOT EXISTS ${dir}/plugin.bpf.c)
		message(FATAL_ERROR "Plug-in '${name}' has no plugin.bpf.c in ${dir}")
	endif()

	prestack_bpf_object(NAME ${symbol} SOURCE plugin.bpf.c INCLUDES ${dir} OUT skeleton)

	set(experimental false)
	if(arg_EXPERIMENTAL)
		set(experimental true)
	endif()
	set(make_agent nullptr)
	if(EXISTS ${dir}/agent.cpp)
		set(make_agent prestack::make_${symbol}_agent)
	endif()
	set(registries TEST)
	if(NOT arg_TEST_ONLY)
		list(APPEND registries SHIPPED)
	endif()
	foreach(registry IN LISTS registries)
		set(property PRESTACK_${registry})
		set_property(GLOBAL APPEND_STRING PROPERTY ${property}_INCLUDES
			"#include \"${symbol}.skel.h\"\n")
		set_property(GLOBAL APPEND_STRING PROPERTY ${property}_ENTRIES
			"\tprestack::PluginInfo{\"${name}\", R\"(${arg_DESCRIPTION})\", ${experimental}, ${symbol}_bpf__elf_bytes, ${make_agent}},\n")
		set_property(GLOBAL APPEND PROPERTY ${property}_SKELETONS ${skeleton})
		if(EXISTS ${dir}/agent.cpp)
			set_property(GLOBAL APPEND_STRING PROPERTY ${property}_INCLUDES
				"#include \"${dir}/agent.hpp\"\n")
			set_property(GLOBAL APPEND PROPERTY ${property}_AGENTS ${dir}/agent.cpp)
		endif()
	endforeach()

	prestack_fuzz_targets(PREFIX ${symbol} DIRECTORY ${dir}/fuzz INCLUDES ${dir})
	if(BUILD_TESTING)
		prestack_plugin_tests(${symbol} ${dir})
	endif()
endfunction()

function(prestack_plugin_tests symbol dir)
	file(GLOB unit CONFIGURE_DEPENDS ${dir}/tests/*.cpp)
	list(REMOVE_ITEM unit ${dir}/tests/dialect.cpp)
	file(GLOB agent CONFIGURE_DEPENDS ${dir}/agent.cpp)
	if(unit)
		add_executable(${symbol}_unit_tests ${unit} ${agent})
		target_include_directories(${symbol}_unit_tests PRIVATE ${dir} ${PROJECT_SOURCE_DIR}
			${PROJECT_SOURCE_DIR}/core/include ${PROJECT_SOURCE_DIR}/core)
		target_compile_definitions(${symbol}_unit_tests
			PRIVATE PRESTACK_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
		target_link_libraries(${symbol}_unit_tests PRIVATE prestack_options GTest::gmock
			GTest::gtest_main)
		prestack_register_suite(unit ${symbol}_unit_tests)
	endif()

	# The other suites are one executable each, for all plug-ins: see tests/CMakeLists.txt.
	file(GLOB prog CONFIGURE_DEPENDS ${dir}/tests/prog/*.cpp)
	file(GLOB e2e CONFIGURE_DEPENDS ${dir}/tests/e2e/*.cpp)
	file(GLOB conformance CONFIGURE_DEPENDS ${dir}/tests/dialect.cpp)
	foreach(suite prog e2e conformance)
		set_property(GLOBAL APPEND PROPERTY PRESTACK_SUITE_SOURCES_${suite} ${${suite}})
	endforeach()
endfunction()

# Enters each folder under protocols/ that PRESTACK_PLUGINS selects.
function(prestack_add_plugins)
	file(GLOB folders CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/protocols
		${PROJECT_SOURCE_DIR}/protocols/*)
	set(known)
	foreach(name IN LISTS folders)
		if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/protocols/${name})
			list(APPEND known ${name})
		endif()
	endforeach()

	string(REPLACE "," ";" wanted "${PRESTACK_PLUGINS}")
	list(TRANSFORM wanted STRIP)
	list(REMOVE_DUPLICATES wanted)
	if(wanted STREQUAL "all")
		set(wanted ${known})
	endif()
	foreach(name IN LISTS wanted)
		if(NOT name IN_LIST known)
			list(JOIN known ", " list)
			message(FATAL_ERROR "PRESTACK_PLUGINS: there is no plug-in '${name}'. "
				"Plug-ins under protocols/: ${list}; or say all.")
		endif()
		if(NOT EXISTS ${PROJECT_SOURCE_DIR}/protocols/${name}/CMakeLists.txt)
			message(FATAL_ERROR "protocols/${name} has no CMakeLists.txt; it needs one line: "
				"add_protocol_plugin()")
		endif()
		add_subdirectory(${PROJECT_SOURCE_DIR}/protocols/${name}
			${CMAKE_BINARY_DIR}/protocols/${name})
	endforeach()
	list(JOIN wanted ", " list)
	message(STATUS "Protocol plug-ins: ${list}")
endfunction()

# Two libraries define prestack::plugins(): an executable links exactly one.
function(prestack_generate_registries)
	prestack_generate_registry(prestack_registry SHIPPED)
	if(BUILD_TESTING)
		prestack_generate_registry(prestack_test_registry TEST)
	endif()
endfunction()

function(prestack_generate_registry target which)
	get_property(PRESTACK_REGISTRY_INCLUDES GLOBAL PROPERTY PRESTACK_${which}_INCLUDES)
	get_property(PRESTACK_REGISTRY_ENTRIES GLOBAL PROPERTY PRESTACK_${which}_ENTRIES)
	get_property(skeletons GLOBAL PROPERTY PRESTACK_${which}_SKELETONS)
	get_property(agents GLOBAL PROPERTY PRESTACK_${which}_AGENTS)
	list(LENGTH skeletons PRESTACK_REGISTRY_COUNT)

	set(source ${CMAKE_BINARY_DIR}/registry/${target}/registry.gen.cpp)
	configure_file(${PROJECT_SOURCE_DIR}/cmake/registry.gen.cpp.in ${source} @ONLY)
	add_library(${target} STATIC ${source} ${agents})
	target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}
		${PROJECT_SOURCE_DIR}/loader PRIVATE ${PROJECT_SOURCE_DIR}/core/include)
	target_link_libraries(${target} PRIVATE prestack_options ${skeletons})
endfunction()
