# One library or program a folder: h5cap_target(NAME [STATIC|SHARED|EXECUTABLE] SOURCES … LINK …) with the flags that
# all of our own code has.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(h5cap_flags INTERFACE)
target_compile_features(h5cap_flags INTERFACE cxx_std_20)
target_compile_options(h5cap_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers
                       # gcc 12 takes the empty half of every kj::Maybe for a use before initialisation.
                       "$<$<BOOL:${H5CAP_WARNINGS_AS_ERRORS}>:-Werror;-Wno-error=maybe-uninitialized>")
if(H5CAP_SANITIZE)
  target_compile_options(h5cap_flags INTERFACE -fsanitize=${H5CAP_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(h5cap_flags INTERFACE -fsanitize=${H5CAP_SANITIZE})
endif()

function(h5cap_target name kind)
  cmake_parse_arguments(PARSE_ARGV 2 T "" "" "SOURCES;LINK")
  if(kind STREQUAL "EXECUTABLE")
    add_executable(${name} ${T_SOURCES})
    if(H5CAP_SANITIZE STREQUAL "thread")
      target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/tsan-kj-mutex.cc)
      target_link_libraries(${name} PRIVATE kj)
    endif()
  else()
    add_library(${name} ${kind} ${T_SOURCES})
  endif()
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:h5cap_flags> PUBLIC ${T_LINK})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
endfunction()
