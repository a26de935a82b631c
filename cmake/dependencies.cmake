# Every library from outside. What is missing is listed at once, with the Debian packages that bring it.

# Some kernels are written in AVX2's and AVX-512's intrinsics.
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  message(FATAL_ERROR "dlengine: needs an x86-64 processor, not ${CMAKE_SYSTEM_PROCESSOR}")
endif()

set(missing_packages "")

# Finds a package quietly; remembers the Debian package of what is not there.
macro(dl_find package debian_package)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    list(APPEND missing_packages ${debian_package})
  endif()
endmacro()

dl_find(fmt libfmt-dev 9)
dl_find(DNNL libdnnl-dev 2.6)
dl_find(OpenMP g++ COMPONENTS CXX)
dl_find(ZLIB zlib1g-dev)
dl_find(CURL libcurl4-openssl-dev)
dl_find(OpenSSL libssl-dev COMPONENTS Crypto)
dl_find(PNG libpng-dev)
dl_find(JPEG libjpeg-dev)
dl_find(nlohmann_json nlohmann-json3-dev 3.11)
if(DLENGINE_BUILD_APPS)
  dl_find(CLI11 libcli11-dev 2.1)
endif()
if(DLENGINE_BUILD_TESTS)
  dl_find(GTest "libgtest-dev;libgmock-dev" 1.12)
endif()
if(DLENGINE_BUILD_BENCH)
  dl_find(benchmark libbenchmark-dev)
endif()

if(missing_packages)
  list(REMOVE_DUPLICATES missing_packages)
  list(JOIN missing_packages " " missing_packages)
  message(FATAL_ERROR "dlengine: not found, or too old: ${missing_packages}\n"
                      "On Debian or Ubuntu: apt-get install ${missing_packages}")
endif()
