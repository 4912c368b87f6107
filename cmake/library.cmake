# libtoa: all modules in one library.
add_library(toa $<TARGET_OBJECTS:toa_parser_objects> $<TARGET_OBJECTS:toa_engine_objects>)
add_library(toa::toa ALIAS toa)
target_include_directories(toa PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/parser/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/engine/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_definitions(toa INTERFACE $<$<BOOL:${BUILD_SHARED_LIBS}>:TOA_SHARED>)
set_target_properties(toa PROPERTIES
    LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR})
