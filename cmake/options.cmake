# Every option of the build, the output folders, and the links that make "dlengine/<folder>/<file>.h" includable.

if(PROJECT_IS_TOP_LEVEL)
  option(BUILD_SHARED_LIBS "Build libdlengine as a shared library" ON)
elseif(NOT DEFINED BUILD_SHARED_LIBS)
  set(BUILD_SHARED_LIBS ON) # here alone: it would be a choice for all of the project that this one is part of
endif()
option(DLENGINE_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(DLENGINE_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(DLENGINE_BUILD_APPS "Build the programs" ${PROJECT_IS_TOP_LEVEL})
option(DLENGINE_INSTALL "Let cmake --install and cpack take what is built" ${PROJECT_IS_TOP_LEVEL})
option(DLENGINE_WERROR "Treat warnings in our own code as errors" ${PROJECT_IS_TOP_LEVEL})
set(DLENGINE_SANITIZE "" CACHE STRING "Build with sanitizers, as -fsanitize names them: address,undefined, or thread")

set(DLENGINE_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO (where the toolkit and cuDNN are found), ON or OFF")
set_property(CACHE DLENGINE_CUDA PROPERTY STRINGS AUTO ON OFF)
option(DLENGINE_CUDA_LINKED "Link the CUDA backend into libdlengine instead of building a plugin" OFF)
if(NOT BUILD_SHARED_LIBS)
  set(DLENGINE_CUDA_LINKED ON)  # a plugin needs a shared libdlengine to link with
endif()

find_program(DLENGINE_CXX_COMPILER_LAUNCHER ccache DOC "Runs in front of the compiler; empty: nothing")
if(PROJECT_IS_TOP_LEVEL AND DLENGINE_CXX_COMPILER_LAUNCHER AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DLENGINE_CXX_COMPILER_LAUNCHER})
endif()

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
  endif()
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
  set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(DLENGINE_FOLDERS core kernels layers optim data train)
set(DLENGINE_INCLUDE_DIR ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${DLENGINE_INCLUDE_DIR}/dlengine)
foreach(entry IN LISTS DLENGINE_FOLDERS ITEMS dlengine.h)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${entry} ${DLENGINE_INCLUDE_DIR}/dlengine/${entry} SYMBOLIC)
endforeach()
