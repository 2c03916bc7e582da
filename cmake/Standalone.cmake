# SPDX-License-Identifier: GPL-2.0-only
# The build of a plug-in outside of prestack's tree. Every add_protocol_plugin() has been called when it is
# put together, at the end of the top CMakeLists.txt. Its targets:
#
#   prestack            the program, with this build's plug-ins
#   conformance_tests   the conformance suite and the verifier's cost, for them

function(prestack_defer_standalone)
	get_property(deferred GLOBAL PROPERTY PRESTACK_STANDALONE_DEFERRED)
	if(NOT deferred)
		set_property(GLOBAL PROPERTY PRESTACK_STANDALONE_DEFERRED ON)
		cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL prestack_build_standalone)
	endif()
endfunction()

function(prestack_build_standalone)
	prestack_generate_registries()
	add_executable(prestack ${PRESTACK_ROOT}/loader/main.cpp)
	target_link_libraries(prestack PRIVATE prestack_loader prestack_registry)
	install(TARGETS prestack RUNTIME DESTINATION sbin)
	if(BUILD_TESTING)
		prestack_add_conformance_tests(conformance_tests prestack_conformance prestack_verifier_cost)
	endif()
	prestack_write_suite_manifests()
endfunction()
