# What every target of the tree shares: warnings, hardening, sanitizers; one function a kind of target.

add_library(operon_options INTERFACE)
target_compile_options(operon_options INTERFACE -Wall -Wextra -Wpedantic -Werror)
set(optimized $<NOT:$<BOOL:$<TARGET_PROPERTY:OPERON_UNOPTIMIZED>>>)
target_compile_options(operon_options INTERFACE $<$<AND:$<CONFIG:Release>,${optimized}>:-O2>)
target_compile_definitions(operon_options INTERFACE $<$<AND:$<CONFIG:Release>,${optimized}>:_FORTIFY_SOURCE=2>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # gcc 12 sees overlaps and overflows in std::string and std::atomic that are not there, once it has inlined enough.
  target_compile_options(operon_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds>)
endif()
if(OPERON_SANITIZE)
  target_compile_options(operon_options INTERFACE -fsanitize=${OPERON_SANITIZE} -fno-omit-frame-pointer $<${optimized}:-O1> -g1)
  target_link_options(operon_options INTERFACE -fsanitize=${OPERON_SANITIZE})
  if(OPERON_SANITIZE MATCHES undefined)
    target_compile_options(operon_options INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()

# operon_core_library(NAME SOURCES ... [LINK ...] [PRIVATE_LINK ...]): core/<NAME> as the static library operon_<NAME>.
function(operon_core_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(operon_${name} STATIC ${A_SOURCES})
  target_include_directories(operon_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(operon_${name} PUBLIC operon_sdk ${A_LINK} PRIVATE operon_options ${A_PRIVATE_LINK})
  if(OPERON_PCH AND name STREQUAL base)
    target_precompile_headers(operon_base PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.hpp)
  elseif(OPERON_PCH AND NOT name STREQUAL http) # Poco's definitions make the header another one there
    target_precompile_headers(operon_${name} REUSE_FROM operon_base)
  endif()
endfunction()

# operon_test(NAME SOURCES ... [LINK ...] [LABELS ...] [ENVIRONMENT ...] [LAUNCHER COMMAND...]): a Catch2 program and its ctest entry; a launcher
# is what starts it.
function(operon_test name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK;LABELS;ENVIRONMENT;LAUNCHER" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE operon_options operon_test_main ${A_LINK})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  # A test's own code is compiled as it stands: half the build would go into optimising it.
  set_target_properties(${name} PROPERTIES OPERON_UNOPTIMIZED ON)
  target_compile_options(${name} PRIVATE -O0)
  if(OPERON_SANITIZE)
    target_compile_definitions(${name} PRIVATE OPERON_SANITIZED)
  endif()
  if("concurrency" IN_LIST A_LABELS)  # what the thread sanitizer looks at
    if(NOT TARGET concurrency_tests)
      add_custom_target(concurrency_tests)
    endif()
    add_dependencies(concurrency_tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${A_LAUNCHER} $<TARGET_FILE:${name}> --warn NoAssertions)
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT 300 ENVIRONMENT "OPERON_BUILD_DIR=${PROJECT_BINARY_DIR};OPERON_SOURCE_DIR=${PROJECT_SOURCE_DIR};LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp;${A_ENVIRONMENT}")
endfunction()

include(OperonPlugin)
