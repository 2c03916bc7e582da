# SPDX-License-Identifier: GPL-2.0-only
# What `cmake --install` puts under the prefix, besides the program: all that a plug-in's author needs.
#
#   include/prestack/            the contract's headers
#   share/prestack/core/         the headers that plugin.bpf.h is made of
#   share/prestack/loader/       headers of the loader, and main.cpp
#   share/prestack/tests/        headers of the conformance suite and of what it stands on
#   share/prestack/template/     what `prestack new-plugin` writes
#   share/prestack/sandbox       runs a command in namespaces of its own
#   lib/prestack/                the libraries that go with these headers
#   lib/cmake/prestack/          find_package(prestack), add_protocol_plugin()
#
# The target `installable` builds all of it. Without BUILD_TESTING the libraries of the tests are left out.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/prestack)
set(share_dir ${CMAKE_INSTALL_DATADIR}/prestack)
set(archive_dir ${CMAKE_INSTALL_LIBDIR}/prestack)

set(libraries prestack_loader)
if(BUILD_TESTING)
	list(APPEND libraries prestack_test_datapath prestack_conformance prestack_verifier_cost)
endif()
install(TARGETS ${libraries} ARCHIVE DESTINATION ${archive_dir})

install(DIRECTORY core/include/prestack DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY core/ DESTINATION ${share_dir}/core FILES_MATCHING PATTERN "*.h" PATTERN include EXCLUDE)
install(DIRECTORY loader/ DESTINATION ${share_dir}/loader FILES_MATCHING PATTERN "*.hpp")
install(FILES loader/main.cpp DESTINATION ${share_dir}/loader)
install(DIRECTORY tests/support tests/conformance DESTINATION ${share_dir}/tests
	FILES_MATCHING PATTERN "*.hpp")
install(FILES tests/prog/verifier_baselines.hpp DESTINATION ${share_dir}/tests/prog)
install(DIRECTORY examples/plugins/sample/ DESTINATION ${share_dir}/template USE_SOURCE_PERMISSIONS)
install(PROGRAMS scripts/sandbox DESTINATION ${share_dir})
install(FILES LICENSE docs/writing-a-plugin.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(cmake/prestack-config.cmake.in
	${CMAKE_BINARY_DIR}/package/prestack-config.cmake
	INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_INCLUDEDIR share_dir archive_dir)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/prestack-config-version.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/prestack-config.cmake
	${CMAKE_BINARY_DIR}/package/prestack-config-version.cmake
	skeletons/BpfObject.cmake cmake/CompilerOptions.cmake cmake/Dependencies.cmake cmake/FuzzTarget.cmake
	cmake/ProtocolPlugin.cmake cmake/Standalone.cmake cmake/TestSuite.cmake
	cmake/registry.gen.cpp.in cmake/baselines.gen.cpp.in
	DESTINATION ${package_dir})

add_custom_target(installable DEPENDS prestack ${libraries})
