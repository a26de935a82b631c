# How our targets are compiled, and one-line functions for tests, programs and benchmarks.

# Warnings, sanitizers and floating-point rules of our own code.
function(dl_compile_options target)
  set(warnings -Wall -Wextra -Wpedantic -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    list(APPEND warnings -Wno-restrict)  # false alarms on std::string's operator+ (gcc bug 105651)
  endif()
  if(DLENGINE_WERROR)
    list(APPEND warnings -Werror)
  endif()
  # No fusing of a*b+c: one formula gives the same bits in every loop, tail and instruction set.
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${warnings};-ffp-contract=off>")
  if(DLENGINE_SANITIZE)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${DLENGINE_SANITIZE_FLAGS}>")
    target_link_options(${target} PRIVATE ${DLENGINE_SANITIZE_FLAGS})
  endif()
endfunction()
set(DLENGINE_SANITIZE_FLAGS -fsanitize=${DLENGINE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)

# dl_plugin(target libraries...): a MODULE that the library opens from beside itself when it is first needed.
function(dl_plugin target)
  target_link_libraries(${target} PRIVATE dlengine::dlengine fmt::fmt ${ARGN})
  target_link_options(${target} PRIVATE -Wl,-z,defs)
  set_target_properties(
    ${target}
    PROPERTIES DLENGINE_PLUGIN ON
               LIBRARY_OUTPUT_DIRECTORY $<TARGET_FILE_DIR:dlengine>
               CXX_VISIBILITY_PRESET hidden
               BUILD_RPATH $ORIGIN
               INSTALL_RPATH $ORIGIN)
endfunction()

# dl_app(name sources...): a program in bin/, installed.
function(dl_app name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE dlengine::dlengine)
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  dl_compile_options(${name})
  if(DLENGINE_INSTALL)
    install(TARGETS ${name} COMPONENT programs)
  endif()
endfunction()

# dl_bench(name sources...): a benchmark in bin/.
function(dl_bench name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE dlengine::dlengine fmt::fmt benchmark::benchmark)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})  # "bench/timing.h"
  dl_compile_options(${name})
endfunction()

# dl_test(name [ON_DEVICES] sources...): a GoogleTest program; CTest sees each of its cases, labelled with the folder's
# name. ON_DEVICES: it works on tests/support/devices.h, so CTest has every case a second time on the emulated device.
function(dl_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ON_DEVICES" "" "")
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE dl_test_support)
  dl_compile_options(${name})
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)  # compiles in half the time; tests only call
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  dl_discover_tests(${name} LABELS ${folder})
  if(arg_ON_DEVICES)
    set_property(GLOBAL APPEND PROPERTY DLENGINE_DEVICE_TESTS ${name})
  endif()
  if(arg_ON_DEVICES AND TARGET dlengine_cuda_emu)
    add_dependencies(${name} dlengine_cuda_emu)
    dl_discover_tests(${name} LABELS emulated PREFIX cuda-emu. ARGUMENT "--emulated=$<TARGET_FILE:dlengine_cuda_emu>")
  endif()
endfunction()

function(dl_discover_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABELS;PREFIX;ARGUMENT" "")
  gtest_discover_tests(
    ${name}
    TEST_PREFIX "${arg_PREFIX}"
    EXTRA_ARGS ${arg_ARGUMENT}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    # CTest runs programs side by side, so threads that wait must not keep a core busy.
    PROPERTIES TIMEOUT 300 LABELS ${arg_LABELS} ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()
