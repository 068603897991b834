# The libhdf5 of h5cap-planner, as the target h5cap_hdf5: nothing else links one.
include_guard(GLOBAL)

set(H5CAP_HDF5 system CACHE STRING
    "libhdf5 of h5cap-planner: bundled (by tools/hdf5), system (the distribution's), or an installation's folder")

add_library(h5cap_hdf5 INTERFACE)
# The code is written for the interface of 1.10, which all later ones have.
target_compile_definitions(h5cap_hdf5 INTERFACE H5_USE_110_API)
if(H5CAP_HDF5 STREQUAL "system")
  find_package(HDF5 REQUIRED COMPONENTS C)  # the serial one, whatever else is installed
  target_link_libraries(h5cap_hdf5 INTERFACE hdf5::hdf5)
  set(version "${HDF5_VERSION}")
else()
  set(folder "${H5CAP_HDF5}")
  if(folder STREQUAL "bundled")
    set(folder "${PROJECT_SOURCE_DIR}/build/hdf5/current")
  endif()
  get_filename_component(folder "${folder}" REALPATH)
  find_file(H5CAP_HDF5_HEADER hdf5.h PATHS "${folder}/include" NO_DEFAULT_PATH NO_CACHE)
  find_library(H5CAP_HDF5_LIBRARY NAMES libhdf5.a hdf5 PATHS "${folder}/lib" "${folder}/lib64" NO_DEFAULT_PATH NO_CACHE)
  if(NOT H5CAP_HDF5_HEADER OR NOT H5CAP_HDF5_LIBRARY)
    message(FATAL_ERROR "H5CAP_HDF5: no libhdf5 in '${folder}'; tools/hdf5 builds one, 'system' is the distribution's")
  endif()
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
  find_library(H5CAP_SZIP sz REQUIRED)  # of libaec
  target_include_directories(h5cap_hdf5 SYSTEM INTERFACE "${folder}/include")
  target_link_libraries(h5cap_hdf5 INTERFACE "${H5CAP_HDF5_LIBRARY}" "${H5CAP_SZIP}" PkgConfig::zlib m ${CMAKE_DL_LIBS})
  file(STRINGS "${folder}/include/H5public.h" lines REGEX "^#define H5_VERS_(MAJOR|MINOR|RELEASE) +[0-9]+")
  string(REGEX REPLACE "[^;]* ([0-9]+)[^;]*" "\\1" version "${lines}")
  list(SUBLIST version 0 3 version)
  list(JOIN version "." version)
endif()

if(version VERSION_LESS 2)
  message(STATUS "h5cap-planner: libhdf5 ${version} (${H5CAP_HDF5}); what newer ones write in formats of their own "
                 "does not open: tools/hdf5, then tools/build, change it")
else()
  message(STATUS "h5cap-planner: libhdf5 ${version} (${H5CAP_HDF5})")
endif()
