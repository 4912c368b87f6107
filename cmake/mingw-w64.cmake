# Windows on x86_64, from Linux: mingw-w64's compiler, Wine to run what it makes. The libraries come
# from ci/windows-libraries; TOA_WINDOWS_DIR in the environment says where, if not in build/windows.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../ci/wine)

set(toa_windows_dir ${CMAKE_CURRENT_LIST_DIR}/../build/windows)
if(DEFINED ENV{TOA_WINDOWS_DIR})
    set(toa_windows_dir $ENV{TOA_WINDOWS_DIR})
endif()
cmake_path(NORMAL_PATH toa_windows_dir)
cmake_path(NORMAL_PATH CMAKE_CROSSCOMPILING_EMULATOR)
set(ENV{PKG_CONFIG_LIBDIR} ${toa_windows_dir}/sysroot/lib/pkgconfig)

set(CMAKE_FIND_ROOT_PATH ${toa_windows_dir}/sysroot /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# No DLL of the compiler's; the same bytes at every build; and what Windows protects programs with.
set(CMAKE_EXE_LINKER_FLAGS_INIT
    "-static -Wl,--no-insert-timestamp,--dynamicbase,--high-entropy-va,--nxcompat")
