# cmake --install: library, plugin, public headers, programs; find_package(dlengine) and pkg-config find them again.
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dlengine)
set(generated_dir ${PROJECT_BINARY_DIR}/package)

install(
  TARGETS dlengine
  EXPORT dlengine
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE COMPONENT development)
if(TARGET dlengine_download)
  install(TARGETS dlengine_download LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
endif()
if(TARGET dlengine_cuda)
  install(TARGETS dlengine_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT cuda)
endif()

# kernels has no public headers; the internal ones of the other folders stay here, as some bring fmt, which users need
# not have.
set(internal_headers "/(core/check|core/graph/[a-z_]+|core/io/element_types|core/ops/common|core/ops/conv_common|core/shared_library|data/transfers|layers/describe|layers/padding|optim/option_checks|train/plot/[a-z_]+)\\.h$")
set(header_dir ${CMAKE_INSTALL_INCLUDEDIR}/dlengine)
install(FILES dlengine.h DESTINATION ${header_dir} COMPONENT development)
foreach(folder core layers optim data train)
  install(
    DIRECTORY ${folder}/
    DESTINATION ${header_dir}/${folder}
    COMPONENT development
    FILES_MATCHING
    PATTERN "*.h"
    REGEX ${internal_headers} EXCLUDE)
endforeach()

install(EXPORT dlengine NAMESPACE dlengine:: FILE dlengineTargets.cmake DESTINATION ${config_dir} COMPONENT development)
configure_package_config_file(cmake/dlengineConfig.cmake.in ${generated_dir}/dlengineConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${generated_dir}/dlengineConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${generated_dir}/dlengineConfig.cmake ${generated_dir}/dlengineConfigVersion.cmake
        DESTINATION ${config_dir} COMPONENT development)
if(NOT BUILD_SHARED_LIBS)
  install(FILES cmake/FindDNNL.cmake cmake/FindCUDNN.cmake DESTINATION ${config_dir} COMPONENT development)
endif()

# The .pc file finds its prefix from where it lies; what a static library needs is named for it alone.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix /${pc_dir} /)
if(NOT BUILD_SHARED_LIBS)
  set(pc_requires "fmt zlib libcurl libcrypto libpng libjpeg")
  set(pc_libs "-ldnnl -lgomp -lstdc++ -lm")
  if(DLENGINE_BUILD_CUDA)
    string(APPEND pc_libs " -L${CUDAToolkit_LIBRARY_DIR} -lcublasLt -lcudart -lcudnn")
  endif()
endif()
configure_file(cmake/dlengine.pc.in ${generated_dir}/dlengine.pc @ONLY)
install(FILES ${generated_dir}/dlengine.pc DESTINATION ${pc_dir} COMPONENT development)

if(NOT PROJECT_IS_TOP_LEVEL)
  return()  # CPack has one description
endif()
# cpack -G DEB, TGZ: what dpkg-shlibdeps reads off the binaries becomes the Debian package's dependencies.
set(CPACK_PACKAGE_CONTACT "dlengine developers")
set(CPACK_GENERATOR TGZ)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
include(CPack)
