# Writes man pages and completions from the same table as --help; docs/man calls it.
add_executable(toa_pages_program pages.c pages_man.c pages_shell.c commands.c)
set_target_properties(toa_pages_program PROPERTIES OUTPUT_NAME toa_pages)
target_compile_definitions(toa_pages_program PRIVATE TOA_VERSION="${PROJECT_VERSION}")
toa_warnings(toa_pages_program)
if(TARGET toa_service)
    target_compile_definitions(toa_pages_program PRIVATE TOA_WITH_SERVICE)
endif()
