# What `cmake --install` puts down: the program, the libraries, their headers, find_package(toa),
# pkg-config toa.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/toa)
install(TARGETS toa EXPORT toaTargets)
install(EXPORT toaTargets NAMESPACE toa:: DESTINATION ${package_dir})
foreach(module IN ITEMS parser engine)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${module}/include/ TYPE INCLUDE)
endforeach()

if(TARGET toa_replay)
    install(TARGETS toa_replay EXPORT toaReplayTargets)
    set_target_properties(toa_replay PROPERTIES EXPORT_NAME replay)
    install(EXPORT toaReplayTargets NAMESPACE toa:: DESTINATION ${package_dir})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/replay/include/ TYPE INCLUDE)
endif()

if(TARGET toa_live)
    install(TARGETS toa_live EXPORT toaLiveTargets)
    set_target_properties(toa_live PROPERTIES EXPORT_NAME live)
    install(EXPORT toaLiveTargets NAMESPACE toa:: DESTINATION ${package_dir})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/live/include/ TYPE INCLUDE)
endif()

if(TARGET toa_fetcher)
    install(TARGETS toa_fetcher EXPORT toaFetcherTargets)
    set_target_properties(toa_fetcher PROPERTIES EXPORT_NAME fetcher)
    install(EXPORT toaFetcherTargets NAMESPACE toa:: DESTINATION ${package_dir})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/compat/cpp/include/ TYPE INCLUDE)
endif()

if(TARGET toa_program)
    install(TARGETS toa_program)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/toaConfig.cmake.in
    ${PROJECT_BINARY_DIR}/toaConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/toaConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/toaConfig.cmake ${PROJECT_BINARY_DIR}/toaConfigVersion.cmake
    DESTINATION ${package_dir})

cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}
    OUTPUT_VARIABLE pc_libdir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}
    OUTPUT_VARIABLE pc_includedir)
cmake_path(SET pc_up NORMALIZE ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${pc_up} OUTPUT_VARIABLE pc_up)
configure_file(${CMAKE_CURRENT_LIST_DIR}/toa.pc.in ${PROJECT_BINARY_DIR}/toa.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/toa.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# `cpack -G TGZ` makes a tarball of all that.
set(CPACK_PACKAGE_NAME toa)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_VENDOR "The toa maintainers")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR TGZ)
include(CPack)
