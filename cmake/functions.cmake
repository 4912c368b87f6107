# The functions that the lists of the modules call.

# Warnings for a target of ours. Whether they are errors is the preset's choice. mingw's gcc takes
# formats for Microsoft's, which ours are not (__USE_MINGW_ANSI_STDIO): Linux's build checks them.
function(toa_warnings target)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wstrict-prototypes
        -Wmissing-prototypes -Wmissing-declarations -Wold-style-definition -Wpointer-arith
        -Wcast-qual -Wcast-align -Wwrite-strings -Wundef -Wvla -Wformat=2
        -Wdouble-promotion -Wimplicit-fallthrough
        $<$<C_COMPILER_ID:Clang>:-Wshadow>
        $<$<C_COMPILER_ID:GNU>:-Wshadow=local -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wcast-align=strict>
        $<$<BOOL:${MINGW}>:-Wno-format>)
endfunction()

# What tests and fuzz targets use of POSIX, where the system has not got it.
function(toa_posix target)
    if(WIN32)
        target_link_libraries(${target} PRIVATE toa_posix)
    endif()
endfunction()

# toa_module(NAME <name> SOURCES <file>... [NEEDS <module>...])
#
# A module of libtoa. Makes toa_<name>_objects, which go into libtoa, and the archive toa_<name>,
# which tests and fuzz targets link: it has the private functions too. The include path is the
# module's own directory, its include/, and the include/ of the modules that it needs; no more.
function(toa_module)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;NEEDS")
    set(objects toa_${arg_NAME}_objects)
    set(archive toa_${arg_NAME})

    add_library(${objects} OBJECT ${arg_SOURCES})
    target_include_directories(${objects}
        PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include
        PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    set_target_properties(${objects} PROPERTIES C_EXTENSIONS OFF)
    target_compile_definitions(${objects} PRIVATE TOA_BUILDING $<$<BOOL:${BUILD_SHARED_LIBS}>:TOA_SHARED>)
    toa_warnings(${objects})

    add_library(${archive} STATIC $<TARGET_OBJECTS:${objects}>)
    target_include_directories(${archive} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
    set_target_properties(${archive} PROPERTIES OUTPUT_NAME toa-${arg_NAME} LINKER_LANGUAGE C)

    foreach(need IN LISTS arg_NEEDS)
        target_include_directories(${objects} PUBLIC
            $<TARGET_PROPERTY:toa_${need}_objects,INTERFACE_INCLUDE_DIRECTORIES>)
        target_link_libraries(${archive} PUBLIC toa_${need})
    endforeach()
endfunction()

# toa_test(NAME <name> SOURCES <file>... LIBS <target>...)
#
# A CMocka program test_<name>, run by ctest as <name>, in the directory of the list that calls.
# That directory is on the include path, so that a test can reach its module's private headers.
function(toa_test)
    if(NOT TOA_BUILD_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBS")
    add_executable(test_${arg_NAME} ${arg_SOURCES})
    target_include_directories(test_${arg_NAME} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(test_${arg_NAME} PRIVATE ${arg_LIBS} PkgConfig::CMOCKA)
    toa_warnings(test_${arg_NAME})
    toa_posix(test_${arg_NAME})
    add_test(NAME ${arg_NAME} COMMAND test_${arg_NAME} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT 300)
endfunction()

# toa_fuzz_target(NAME <name> SOURCES <file>... LIBS <target>...)
#
# A program fuzz_<name> around LLVMFuzzerTestOneInput. With TOA_FUZZ=plain it takes files and
# directories, and ctest runs it as seeds_<name> over corpus/seeds/<name> and, if it is there,
# corpus/crashes/<name>. With libfuzzer and afl it is that fuzzer's program.
function(toa_fuzz_target)
    if(TOA_FUZZ STREQUAL plain AND NOT TOA_BUILD_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBS")
    add_executable(fuzz_${arg_NAME} ${arg_SOURCES})
    target_include_directories(fuzz_${arg_NAME} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(fuzz_${arg_NAME} PRIVATE ${arg_LIBS})
    toa_warnings(fuzz_${arg_NAME})
    toa_posix(fuzz_${arg_NAME})
    set_property(TARGET fuzz_${arg_NAME} PROPERTY RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    set_property(GLOBAL APPEND PROPERTY TOA_FUZZ_NAMES ${arg_NAME})

    if(NOT TOA_FUZZ STREQUAL plain)
        target_link_options(fuzz_${arg_NAME} PRIVATE ${TOA_FUZZ_LINK})
        return()
    endif()
    target_sources(fuzz_${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/driver.c)
    set(inputs ${PROJECT_SOURCE_DIR}/corpus/seeds/${arg_NAME})
    if(EXISTS ${PROJECT_SOURCE_DIR}/corpus/crashes/${arg_NAME})
        list(APPEND inputs ${PROJECT_SOURCE_DIR}/corpus/crashes/${arg_NAME})
    endif()
    add_test(NAME seeds_${arg_NAME} COMMAND fuzz_${arg_NAME} ${inputs})
    set_tests_properties(seeds_${arg_NAME} PROPERTIES TIMEOUT 300)
endfunction()
