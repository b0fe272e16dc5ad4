# gRPC for C++ without TLS (channels are local), and protobuf: operon_grpc_static.
#
# The static libraries where the system has them: mapped and relocated is then what is used, not forty libraries. They are for programs only:
# Debian's libprotobuf.a cannot go into a shared library, and two copies of protobuf in one process end it.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
add_library(operon_grpc_static INTERFACE)

foreach(name grpc++_unsecure grpc_unsecure gpr upb address_sorting protobuf re2 cares)
  find_library(OPERON_STATIC_${name} lib${name}.a)
  mark_as_advanced(OPERON_STATIC_${name})
  if(NOT OPERON_STATIC_${name})
    set(operon_grpc_shared TRUE)
  else()
    list(APPEND operon_grpc_archives ${OPERON_STATIC_${name}})
  endif()
endforeach()

if(operon_grpc_shared)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(OPERON_GRPC_SHARED REQUIRED IMPORTED_TARGET grpc++_unsecure protobuf)
  target_link_libraries(operon_grpc_static INTERFACE PkgConfig::OPERON_GRPC_SHARED)
else()
  get_filename_component(folder ${OPERON_STATIC_grpc_unsecure} DIRECTORY)
  file(GLOB operon_absl_archives ${folder}/libabsl_*.a)
  # The archives need each other in circles.
  target_link_libraries(operon_grpc_static INTERFACE -Wl,--start-group ${operon_grpc_archives} ${operon_absl_archives} -Wl,--end-group ZLIB::ZLIB Threads::Threads)
  target_link_options(operon_grpc_static INTERFACE -Wl,--gc-sections)
endif()
