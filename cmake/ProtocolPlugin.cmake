# SPDX-License-Identifier: GPL-2.0-only
# Protocol plug-ins. A plug-in is a folder, under protocols/ or anywhere; its CMakeLists.txt is
# one call, after find_package(prestack) if it is to be built alone as well:
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
#   tests/verifier_baseline.txt  what the kernel's verifier goes through for each program
#   tests/end_to_end   a script that gets the path of the prestack binary, run by CTest in a sandbox;
#                      its exit code 77 means: skipped
#   tests/prog/*.cpp   join the prog_tests executable (a build of prestack's own tree only)
#   tests/e2e/*.cpp    join the e2e_tests executable (likewise)
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

	get_property(known GLOBAL PROPERTY PRESTACK_PLUGIN_SYMBOLS)
	if(symbol IN_LIST known)
		message(FATAL_ERROR "Plug-in '${name}' in ${dir}: there is another of that name")
	endif()
	set_property(GLOBAL APPEND PROPERTY PRESTACK_PLUGIN_SYMBOLS ${symbol})

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
		prestack_plugin_tests(${name} ${symbol} ${dir})
	endif()
	if(NOT PRESTACK_IN_TREE)
		prestack_defer_standalone()
	endif()
endfunction()

function(prestack_plugin_tests name symbol dir)
	file(GLOB unit CONFIGURE_DEPENDS ${dir}/tests/*.cpp)
	list(REMOVE_ITEM unit ${dir}/tests/dialect.cpp)
	file(GLOB agent CONFIGURE_DEPENDS ${dir}/agent.cpp)
	if(unit)
		add_executable(${symbol}_unit_tests ${unit} ${agent})
		target_include_directories(${symbol}_unit_tests PRIVATE ${dir} ${PRESTACK_ROOT}
			${PRESTACK_CONTRACT_DIR} ${PRESTACK_ROOT}/core ${PRESTACK_ROOT}/loader)
		target_compile_definitions(${symbol}_unit_tests
			PRIVATE PRESTACK_SOURCE_DIR="${PRESTACK_ROOT}")
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
	set_property(GLOBAL APPEND_STRING PROPERTY PRESTACK_BASELINES
		"\tVerifierBaseline{\"${name}\", \"${dir}/tests/verifier_baseline.txt\"},\n")
	if(EXISTS ${dir}/tests/end_to_end)
		add_test(NAME ${symbol}_end_to_end
			COMMAND ${PRESTACK_SANDBOX} ${dir}/tests/end_to_end $<TARGET_FILE:prestack>)
		set_tests_properties(${symbol}_end_to_end PROPERTIES LABELS e2e TIMEOUT 300
			SKIP_RETURN_CODE 77 RUN_SERIAL ON)
	endif()
endfunction()

# Enters each folder that PRESTACK_PLUGINS selects.
function(prestack_add_plugins)
	file(GLOB folders CONFIGURE_DEPENDS RELATIVE ${PRESTACK_ROOT}/protocols ${PRESTACK_ROOT}/protocols/*)
	set(known)
	foreach(name IN LISTS folders)
		if(IS_DIRECTORY ${PRESTACK_ROOT}/protocols/${name})
			list(APPEND known ${name})
		endif()
	endforeach()

	string(REPLACE "," ";" wanted "${PRESTACK_PLUGINS}")
	list(TRANSFORM wanted STRIP)
	list(TRANSFORM wanted REPLACE "^all$" "${known}")
	list(REMOVE_DUPLICATES wanted)
	prestack_stand_in_package()
	foreach(entry IN LISTS wanted)
		if(entry MATCHES "/")
			get_filename_component(dir ${entry} ABSOLUTE BASE_DIR ${PRESTACK_ROOT})
			get_filename_component(name ${dir} NAME)
		elseif(entry IN_LIST known)
			set(name ${entry})
			set(dir ${PRESTACK_ROOT}/protocols/${name})
		else()
			list(JOIN known ", " list)
			message(FATAL_ERROR "PRESTACK_PLUGINS: there is no plug-in '${entry}'. "
				"Plug-ins under protocols/: ${list}; or say all, or a path with a '/'.")
		endif()
		if(NOT EXISTS ${dir}/CMakeLists.txt)
			message(FATAL_ERROR "${dir} has no CMakeLists.txt; it needs one line: "
				"add_protocol_plugin()")
		endif()
		add_subdirectory(${dir} ${CMAKE_BINARY_DIR}/protocols/${name})
	endforeach()
	list(JOIN wanted ", " list)
	message(STATUS "Protocol plug-ins: ${list}")
endfunction()

# A folder that can be built alone says find_package(prestack). In this tree that finds an empty package:
# all is there.
function(prestack_stand_in_package)
	include(CMakePackageConfigHelpers)
	set(package ${CMAKE_BINARY_DIR}/stand-in-package)
	file(WRITE ${package}/prestack-config.cmake "# prestack's own build: all is there.\n")
	write_basic_package_version_file(${package}/prestack-config-version.cmake
		VERSION ${prestack_VERSION} COMPATIBILITY SameMinorVersion)
	set(prestack_DIR ${package} CACHE INTERNAL "")
endfunction()

# Two libraries define prestack::plugins(): an executable links exactly one.
function(prestack_generate_registries)
	prestack_generate_registry(prestack_registry SHIPPED)
	if(BUILD_TESTING)
		prestack_generate_registry(prestack_test_registry TEST)
		prestack_generate_baselines()
	endif()
endfunction()

# The files that the test of the verifier's cost compares with. The core's is that of this tree.
function(prestack_generate_baselines)
	get_property(PRESTACK_BASELINE_ENTRIES GLOBAL PROPERTY PRESTACK_BASELINES)
	set(core ${PRESTACK_ROOT}/tests/prog/verifier_baseline.txt)
	if(EXISTS ${core})
		string(APPEND PRESTACK_BASELINE_ENTRIES "\tVerifierBaseline{\"core\", \"${core}\"},\n")
	endif()
	set(source ${CMAKE_BINARY_DIR}/registry/baselines.gen.cpp)
	configure_file(${PRESTACK_CMAKE_DIR}/baselines.gen.cpp.in ${source} @ONLY)
	target_sources(prestack_test_registry PRIVATE ${source})
endfunction()

function(prestack_generate_registry target which)
	get_property(PRESTACK_REGISTRY_INCLUDES GLOBAL PROPERTY PRESTACK_${which}_INCLUDES)
	get_property(PRESTACK_REGISTRY_ENTRIES GLOBAL PROPERTY PRESTACK_${which}_ENTRIES)
	get_property(skeletons GLOBAL PROPERTY PRESTACK_${which}_SKELETONS)
	get_property(agents GLOBAL PROPERTY PRESTACK_${which}_AGENTS)
	list(LENGTH skeletons PRESTACK_REGISTRY_COUNT)

	set(source ${CMAKE_BINARY_DIR}/registry/${target}/registry.gen.cpp)
	configure_file(${PRESTACK_CMAKE_DIR}/registry.gen.cpp.in ${source} @ONLY)
	add_library(${target} STATIC ${source} ${agents})
	target_include_directories(${target} PUBLIC ${PRESTACK_ROOT} ${PRESTACK_ROOT}/loader
		PRIVATE ${PRESTACK_CONTRACT_DIR})
	target_link_libraries(${target} PRIVATE prestack_options ${skeletons})
endfunction()
