# operon_add_plugin(NAME SOURCES ... [LINK ...] [MANIFEST manifest.yaml] [SCHEMA schema.json] [OUTPUT_DIRECTORY dir])
#
# A plugin library lib<NAME>.so that exports operon_entry_v1 and nothing else, and beside it lib<NAME>.so.manifest.json: manifest.yaml,
# the configuration's schema.json (when there is one) and the library's SHA-256. Works in operon's own tree and after find_package(operon).
# The target is called NAME; its folder is <build>/plugins, from where `cmake --install` takes both files to OPERON_PLUGIN_INSTALL_DIR; or
# OUTPUT_DIRECTORY, and then they are not installed.

set(OPERON_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/operon-plugin.map CACHE INTERNAL "Version script of plugins")

include(GNUInstallDirs)
set(OPERON_PLUGIN_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/operon/plugins CACHE STRING "Where plugins are installed, below the prefix")

function(operon_add_plugin name)
  cmake_parse_arguments(A "" "MANIFEST;SCHEMA;OUTPUT_DIRECTORY" "SOURCES;LINK" ${ARGN})
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "operon_add_plugin(${name}): unknown argument: ${A_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT A_SOURCES)
    message(FATAL_ERROR "operon_add_plugin(${name}): SOURCES is empty")
  endif()
  if(NOT A_MANIFEST)
    set(A_MANIFEST manifest.yaml)
  endif()
  if(NOT A_SCHEMA AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/schema.json)
    set(A_SCHEMA schema.json)
  endif()
  if(NOT A_OUTPUT_DIRECTORY)
    set(A_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
    # As files: an installed target may be stripped or have its RPATH edited, and would not match its digest any more.
    install(FILES $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.manifest.json DESTINATION ${OPERON_PLUGIN_INSTALL_DIR})
  endif()
  get_filename_component(manifest ${A_MANIFEST} ABSOLUTE)
  set(inputs ${manifest})
  set(arguments --manifest ${manifest})
  if(A_SCHEMA)
    get_filename_component(schema ${A_SCHEMA} ABSOLUTE)
    list(APPEND inputs ${schema})
    list(APPEND arguments --schema ${schema})
  endif()

  add_library(${name} MODULE ${A_SOURCES})
  target_link_libraries(${name} PRIVATE operon::sdk ${A_LINK})
  target_compile_features(${name} PRIVATE cxx_std_20)
  set_target_properties(${name} PROPERTIES
    PREFIX lib OUTPUT_NAME ${name} SUFFIX .so
    LIBRARY_OUTPUT_DIRECTORY ${A_OUTPUT_DIRECTORY}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS "${OPERON_PLUGIN_MAP};${inputs}")
  if(TARGET operon_options)
    target_link_libraries(${name} PRIVATE operon_options)
  else()
    target_compile_options(${name} PRIVATE -Wall -Wextra)
  endif()
  # STB_GNU_UNIQUE symbols would tie libraries together behind the version script's back.
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${OPERON_PLUGIN_MAP} -Wl,--exclude-libs,ALL -Wl,-z,now -Wl,-z,relro)
  if(NOT OPERON_SANITIZE) # a sanitizer's own symbols come from the host program
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND operon::manifest ${arguments} --library $<TARGET_FILE:${name}> --output $<TARGET_FILE:${name}>.manifest.json
    COMMENT "Writing the manifest of plugin ${name}" VERBATIM)
endfunction()
