# SPDX-License-Identifier: GPL-2.0-only
# Language level, warnings and sanitizers of the C++ half. The target
# prestack_options carries the flags that our own sources are held to; generated
# headers reach them through SYSTEM include directories and are not.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

add_library(prestack_options INTERFACE)
target_compile_options(prestack_options INTERFACE -Wall -Wextra -Wpedantic)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
	# GCC 12 sees overlapping copies in every `"literal" + std::string()` (PR 105651).
	target_compile_options(prestack_options INTERFACE -Wno-restrict)
endif()
if(PRESTACK_WERROR)
	target_compile_options(prestack_options INTERFACE -Werror)
endif()

if(PRESTACK_SANITIZE)
	# For every target, not only ours: the flags must agree in one process.
	add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	add_link_options(-fsanitize=address,undefined)
endif()
