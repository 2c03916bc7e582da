# SPDX-License-Identifier: GPL-2.0-only
# The template of `prestack new-plugin` as constants in the program, so that it needs no file at run time:
# <build>/template/plugin_template.gen.cpp is made of the files in examples/plugins/sample/.
set(template_dir ${PROJECT_SOURCE_DIR}/examples/plugins/sample)
file(GLOB_RECURSE template_files CONFIGURE_DEPENDS RELATIVE ${template_dir} ${template_dir}/*)
set(PRESTACK_TEMPLATE_ENTRIES)
foreach(name IN LISTS template_files)
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${template_dir}/${name})
	file(READ ${template_dir}/${name} text)
	string(APPEND PRESTACK_TEMPLATE_ENTRIES
		"\tprestack::TemplateFile{\"${name}\", R\"__template__(${text})__template__\"},\n")
endforeach()
set(PRESTACK_TEMPLATE_SOURCE ${CMAKE_BINARY_DIR}/template/plugin_template.gen.cpp)
configure_file(${PROJECT_SOURCE_DIR}/cmake/plugin_template.gen.cpp.in ${PRESTACK_TEMPLATE_SOURCE} @ONLY)
