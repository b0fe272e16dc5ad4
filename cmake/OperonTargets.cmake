# What every target of the tree shares: warnings, hardening, sanitizers; one function a kind of target.

add_library(operon_options INTERFACE)
target_compile_options(operon_options INTERFACE -Wall -Wextra -Wpedantic -Werror $<$<CONFIG:Release>:-O2>)
target_compile_definitions(operon_options INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
if(OPERON_SANITIZE)
  target_compile_options(operon_options INTERFACE -fsanitize=${OPERON_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
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
endfunction()

# operon_test(NAME SOURCES ... [LINK ...] [LABELS ...] [ENVIRONMENT ...]): a Catch2 program and its ctest entry.
function(operon_test name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK;LABELS;ENVIRONMENT" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE operon_options operon_test_main ${A_LINK})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  add_test(NAME ${name} COMMAND ${name} --warn NoAssertions)
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT 300 ENVIRONMENT "OPERON_BUILD_DIR=${PROJECT_BINARY_DIR};OPERON_SOURCE_DIR=${PROJECT_SOURCE_DIR};${A_ENVIRONMENT}")
endfunction()

include(OperonPlugin)
