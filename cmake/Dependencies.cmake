# SPDX-License-Identifier: GPL-2.0-only
# Everything here is a Debian 12 package; scripts/install-deps installs them.
find_package(PkgConfig REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(libbpf REQUIRED IMPORTED_TARGET libbpf>=1.1)
pkg_check_modules(libelf REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(libmnl REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(libcap-ng REQUIRED IMPORTED_TARGET libcap-ng)

if(BUILD_TESTING)
	find_package(GTest REQUIRED)
endif()
if(BUILD_TESTING AND PRESTACK_IN_TREE) # clients that our own tests use
	pkg_check_modules(libmemcached REQUIRED IMPORTED_TARGET libmemcached)
	pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
endif()
if(PRESTACK_IN_TREE)
	find_package(benchmark QUIET)
endif()

# Debian keeps bpftool in /usr/sbin, which is not on every user's PATH.
find_program(PRESTACK_BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
find_program(PRESTACK_CLANG NAMES clang clang-14 REQUIRED)
find_program(PRESTACK_LLVM_STRIP NAMES llvm-strip llvm-strip-14 REQUIRED)
