# What takes the program toa, besides: tools/CMakeLists.txt includes it. A library that is made with a
# sanitizer is for programs that have one too.
if(TOA_BUILD_TESTS AND TARGET toa_live_tests AND TOA_SANITIZER STREQUAL "")
    set(here ${PROJECT_SOURCE_DIR}/compat/preload/tests)
    add_executable(preload_probe ${here}/probe.c)
    toa_warnings(preload_probe)
    add_test(NAME preload_run COMMAND ${here}/run.sh $<TARGET_FILE:toa_program> $<TARGET_FILE:preload_probe>)

    add_executable(test_preload_servers ${here}/test_servers.c)
    target_link_libraries(test_preload_servers PRIVATE toa_live_tests)
    toa_warnings(test_preload_servers)
    add_test(NAME preload_servers COMMAND test_preload_servers $<TARGET_FILE:toa_program> ${here})
    set_tests_properties(preload_servers PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
