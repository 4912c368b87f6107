# cmake -DPROGRAM=<file> -DFAULT=<argument> -DREPORT=<regex> -P must-crash.cmake
# Fails unless the program dies with the sanitizer's report.
execute_process(COMMAND ${PROGRAM} ${FAULT} RESULT_VARIABLE status ERROR_VARIABLE report)
if(status EQUAL 0 OR status EQUAL 2 OR NOT report MATCHES "${REPORT}")
    message(FATAL_ERROR "${FAULT}: status ${status}, and this instead of \"${REPORT}\":\n${report}")
endif()
