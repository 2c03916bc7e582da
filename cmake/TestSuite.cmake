# SPDX-License-Identifier: GPL-2.0-only
# prestack_register_suite(<suite> <target>): <target>, a GoogleTest executable, is part
# of <suite>. CTest knows it by the target's name and the suite's label; the test
# script reads the list of executables in <build>/suites/<suite>. The target
# `<suite>_suite` builds all of a suite.
function(prestack_register_suite suite target)
	set_target_properties(${target} PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
	add_test(NAME ${target} COMMAND ${target})
	set_tests_properties(${target} PROPERTIES LABELS ${suite} TIMEOUT 900 RUN_SERIAL ON)
	if(NOT TARGET ${suite}_suite)
		add_custom_target(${suite}_suite)
		set_property(GLOBAL APPEND PROPERTY PRESTACK_SUITES ${suite})
	endif()
	add_dependencies(${suite}_suite ${target})
	set_property(GLOBAL APPEND_STRING PROPERTY PRESTACK_SUITE_MANIFEST_${suite}
		"${CMAKE_BINARY_DIR}/tests/${target}\n")
endfunction()

# Called once, after the last suite is registered. The folder is emptied first: a
# suite that is gone must not be run from an old list.
function(prestack_write_suite_manifests)
	file(REMOVE_RECURSE ${CMAKE_BINARY_DIR}/suites)
	get_property(suites GLOBAL PROPERTY PRESTACK_SUITES)
	foreach(suite IN LISTS suites)
		get_property(manifest GLOBAL PROPERTY PRESTACK_SUITE_MANIFEST_${suite})
		file(WRITE ${CMAKE_BINARY_DIR}/suites/${suite} "${manifest}")
	endforeach()
	get_property(manifest GLOBAL PROPERTY PRESTACK_FUZZ_MANIFEST)
	if(manifest)
		file(WRITE ${CMAKE_BINARY_DIR}/suites/fuzz "${manifest}")
	endif()
endfunction()

# The conformance suite for all plug-ins of this build: an executable of their dialects. The tests are in
# `libraries`, whose tests nobody calls by name: the linker has to be told to take them.
function(prestack_add_conformance_tests target)
	get_property(dialects GLOBAL PROPERTY PRESTACK_SUITE_SOURCES_conformance)
	if(NOT dialects) # the suite says who has none
		set(dialects ${CMAKE_BINARY_DIR}/no_dialects.cpp)
		file(WRITE ${dialects} "// Nothing.\n")
	endif()
	add_executable(${target} ${dialects})
	target_link_libraries(${target} PRIVATE prestack_options)
	foreach(library IN LISTS ARGN)
		target_link_libraries(${target} PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,${library}>)
	endforeach()
	# The registry calls nothing, but is called by what the others link.
	target_link_libraries(${target} PRIVATE prestack_test_registry GTest::gtest_main)
	prestack_register_suite(conformance ${target})
endfunction()
