/*
 * What tests under Wine do to programs of others. Numbers are Windows'.
 *   poke stopped SERVICE     what it told the service manager when it stopped
 *   poke process NAME        its number
 *   poke console PROCESS     whether it has a console
 *   poke tell PROCESS EVENT  tells it an event of the console's, and ends it as its handler
 * returns, as Windows does for all but Ctrl-C and Ctrl-Break
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>

#include <tlhelp32.h>

static int stopped(const char *name)
{
    SERVICE_STATUS now;
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceA(manager, name, SERVICE_QUERY_STATUS);
    if (service == NULL || !QueryServiceStatus(service, &now)) {
        return EXIT_FAILURE;
    }
    (void)printf("%lu %lu\n", (unsigned long)now.dwWin32ExitCode,
                 (unsigned long)now.dwServiceSpecificExitCode);
    return now.dwCurrentState == SERVICE_STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int number(const char *name)
{
    PROCESSENTRY32 one = {.dwSize = sizeof one};
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    for (BOOL there = Process32First(all, &one); there; there = Process32Next(all, &one)) {
        if (strcmp(one.szExeFile, name) == 0) {
            (void)printf("%lu\n", (unsigned long)one.th32ProcessID);
            return EXIT_SUCCESS;
        }
    }
    return EXIT_FAILURE;
}

static int console(DWORD process)
{
    (void)FreeConsole();
    return AttachConsole(process) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Windows starts a thread at this function of the process; it calls the handlers. */
static int tell(DWORD process, void *event)
{
    HANDLE told = OpenProcess(PROCESS_ALL_ACCESS, FALSE, process);
    LPTHREAD_START_ROUTINE routine = (LPTHREAD_START_ROUTINE)(void (*)(void))GetProcAddress(
        GetModuleHandleA("kernelbase"), "CtrlRoutine");
    HANDLE thread = told == NULL || routine == NULL
                        ? NULL
                        : CreateRemoteThread(told, NULL, 0, routine, event, 0, NULL);
    if (thread == NULL) {
        return EXIT_FAILURE;
    }
    DWORD begin = GetTickCount();
    const HANDLE news[] = {told, thread};
    (void)WaitForMultipleObjects(2, news, FALSE, 5000);
    (void)printf("%lu ms\n", (unsigned long)(GetTickCount() - begin));
    (void)TerminateProcess(told, 99);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    if (strcmp(what, "stopped") == 0) {
        return stopped(argv[2]);
    }
    if (strcmp(what, "process") == 0) {
        return number(argv[2]);
    }
    if (strcmp(what, "console") == 0) {
        return console(strtoul(argv[2], NULL, 10));
    }
    if (strcmp(what, "tell") == 0 && argc == 4) {
        return tell(strtoul(argv[2], NULL, 10), (void *)(size_t)strtoul(argv[3], NULL, 10));
    }
    return 2;
}
