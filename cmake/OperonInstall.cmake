# `cmake --install`: the programs, their plugins, and what it takes to write a plugin: headers, libraries, template, find_package(operon).
# The supervisor and the scenarios' tools are installed beside their sources, plugins by operon_add_plugin.
include(CMakePackageConfigHelpers)

foreach(program operond operonctl)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# For plugins out of tree.
set(operon_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/operon)
set_target_properties(operon_options PROPERTIES EXPORT_NAME options)
install(TARGETS operon_options operon_abi operon_sdk EXPORT operon)
install(TARGETS operon_manifest EXPORT operon RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/operon)
foreach(library fields kubeconfig yaml)
  if(TARGET operon_${library})
    set_target_properties(operon_${library} PROPERTIES EXPORT_NAME ${library})
    install(TARGETS operon_${library} EXPORT operon ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
install(EXPORT operon FILE operonTargets.cmake NAMESPACE operon:: DESTINATION ${operon_package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/operonConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/operonConfig.cmake
  INSTALL_DESTINATION ${operon_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/operonConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/cmake/operonConfig.cmake ${PROJECT_BINARY_DIR}/cmake/operonConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/OperonPlugin.cmake ${PROJECT_SOURCE_DIR}/cmake/operon-plugin.map
  DESTINATION ${operon_package_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/api/abi/operon ${PROJECT_SOURCE_DIR}/api/sdk/cpp/include/operon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# Data.
set(operon_share ${CMAKE_INSTALL_DATADIR}/operon)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/api/schemas DESTINATION ${operon_share})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugins/template DESTINATION ${operon_share})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/config/scenarios DESTINATION ${operon_share} FILES_MATCHING PATTERN "*.yaml")
install(FILES ${PROJECT_SOURCE_DIR}/config/standalone.yaml DESTINATION ${operon_share})
if(EXISTS ${PROJECT_SOURCE_DIR}/api/rest/openapi.yaml)
  install(FILES ${PROJECT_SOURCE_DIR}/api/rest/openapi.yaml DESTINATION ${operon_share})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
