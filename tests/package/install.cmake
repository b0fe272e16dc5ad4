# Installs the build tree into PACKAGE_DIR/prefix and looks for what must be there.
file(REMOVE_RECURSE ${PACKAGE_DIR})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${PACKAGE_DIR}/prefix RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(failed)
  message(FATAL_ERROR "cmake --install failed:\n${output}")
endif()
foreach(pattern
    bin/operond bin/operonctl bin/operon-supervisor bin/operon-scenario libexec/operon/operon-manifest
    include/operon/operon.h include/operon/sdk.hpp include/operon/testing/host.hpp
    lib*/cmake/operon/operonConfig.cmake lib*/liboperon_fields.a
    lib*/operon/plugins/libtarget-file.so lib*/operon/plugins/libtarget-file.so.manifest.json
    lib*/operon/plugins/libregistry-dir.so lib*/operon/plugins/librunner-process.so
    share/operon/schemas/plugin-manifest.json share/operon/template/common/CMakeLists.txt share/operon/scenarios/hello.yaml)
  file(GLOB found ${PACKAGE_DIR}/prefix/${pattern})
  if(NOT found)
    message(FATAL_ERROR "${pattern} is missing in the package")
  endif()
endforeach()

# What was installed is what was digested.
file(GLOB libraries ${PACKAGE_DIR}/prefix/lib*/operon/plugins/*.so)
foreach(library ${libraries})
  file(SHA256 ${library} digest)
  file(READ ${library}.manifest.json manifest)
  string(JSON written GET "${manifest}" librarySha256)
  if(NOT digest STREQUAL written)
    message(FATAL_ERROR "${library} is not what its manifest says: ${digest} is not ${written}")
  endif()
endforeach()
