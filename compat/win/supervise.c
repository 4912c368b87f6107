#include "supervise.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include <windows.h>

#include "loop_windows.h"
#include "say.h"
#include "say_windows.h"
#include "status.h"

/* All below the 30 s that the commands wait. What has not begun to serve has nothing to lose. */
enum { START_PATIENCE_MS = 25000, END_PATIENCE_MS = 20000, END_UNSERVED_PATIENCE_MS = 5000 };
enum { RELOAD_PATIENCE_MS = 25000 };
enum { SERVED_LONG_MS = 600000 }; /* failures before are forgotten */

/* What both processes have: the worker inherits it, and is told the numbers. */
enum {
    END,      /* the worker is to end; stays set */
    RELOAD,   /* it is to read its configuration anew */
    RELOADED, /* it has done so */
    REFUSED,  /* ... or has not */
    STARTED,  /* it serves; stays set until the next worker */
    WATCHER,  /* the other process itself */
    N_HANDLES
};

static HANDLE handles[N_HANDLES];

/* ---- The process that the service manager knows -------------------------------------------- */

static bool make_handles(void)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    bool right = true;
    for (int i = 0; i < WATCHER; i++) {
        handles[i] = CreateEventW(&inherited, i == END || i == STARTED, FALSE, NULL);
        right = right && handles[i] != NULL;
    }
    return right && DuplicateHandle(GetCurrentProcess(), GetCurrentProcess(), GetCurrentProcess(),
                                    &handles[WATCHER],
                                    SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, TRUE, 0);
}

static bool is_set(int which)
{
    return WaitForSingleObject(handles[which], 0) == WAIT_OBJECT_0;
}

/* The worker has the log while it runs. */
static const char *log_path;

__attribute__((format(printf, 1, 2))) static void say_between(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)toa_say_to(log_path, false);
    toa_complain("%s", text);
    (void)toa_say_to("", false);
}

/* NULL: it cannot be started, and that was said. */
static HANDLE start_worker(const wchar_t *program)
{
    wchar_t line[MAX_PATH + 128];
    const size_t size = sizeof line / sizeof line[0];
    STARTUPINFOW how = {.cb = sizeof how};
    PROCESS_INFORMATION worker;
    size_t len = (size_t)swprintf(line, size, L"\"%ls\" worker ", program);
    for (int i = 0; i < N_HANDLES; i++) { /* there is room: a path has less than MAX_PATH */
        len += (size_t)swprintf(line + len, size - len, L"%ls%llx", i == 0 ? L"" : L",",
                                (unsigned long long)(uintptr_t)handles[i]);
    }
    (void)ResetEvent(handles[STARTED]);
    /* Without a console, which would tell it when somebody logs off, and at a shutdown. */
    if (!CreateProcessW(program, line, NULL, NULL, TRUE, DETACHED_PROCESS, NULL, NULL, &how,
                        &worker)) {
        say_between("the process that serves cannot be started (error %lu of Windows)",
                    (unsigned long)GetLastError());
        return NULL;
    }
    (void)CloseHandle(worker.hThread);
    return worker.hProcess;
}

/* Waits for its end, and until then for its start. What it ended with. */
static int watch(HANDLE worker, bool *served, void (*started)(void))
{
    const HANDLE news[] = {worker, handles[END], handles[STARTED]};
    DWORD status = STATUS_FAILED;
    DWORD patience = END_UNSERVED_PATIENCE_MS;
    DWORD woken = WaitForMultipleObjects(3, news, FALSE, START_PATIENCE_MS);
    if (woken == WAIT_OBJECT_0 + 2) {
        if (!*served) {
            started();
        }
        *served = true;
        patience = END_PATIENCE_MS;
        woken = WaitForMultipleObjects(2, news, FALSE, INFINITE);
    }
    bool asked = woken == WAIT_OBJECT_0 + 1;
    if (WaitForSingleObject(worker, asked ? patience : 0) != WAIT_OBJECT_0) {
        (void)TerminateProcess(worker, STATUS_TOO_LONG);
        (void)WaitForSingleObject(worker, INFINITE);
        say_between("the process that serves did not %s in %lu s, and was killed",
                    asked ? "end" : "begin",
                    (unsigned long)(asked ? patience : START_PATIENCE_MS) / 1000);
    }
    (void)GetExitCodeProcess(worker, &status);
    return (int)status;
}

/* How long to wait before the next one, and says so. */
static DWORD pause_behind(int status, size_t n_failures)
{
    static const DWORD delays[] = {1, 5, 60};
    const size_t n_delays = sizeof delays / sizeof delays[0];
    DWORD delay = delays[n_failures < n_delays ? n_failures : n_delays - 1];
    const char *what = status == STATUS_DONE ? NULL : status_text(status);
    say_between("the process that serves ended with status %d (%s); another begins in %lu s",
                status, what == NULL ? "killed, or crashed" : what, (unsigned long)delay);
    return delay * 1000;
}

int supervise(const wchar_t *program, const char *log, void (*started)(void))
{
    size_t n_failures = 0;
    bool served = false;
    log_path = log;
    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX); /* inherited: no dialogue */
    if (!make_handles()) {
        say_between("the system gives no events");
        return STATUS_FAILED;
    }
    for (;;) {
        int status = STATUS_FAILED;
        ULONGLONG begun = GetTickCount64();
        HANDLE worker = start_worker(program);
        if (worker != NULL) {
            status = watch(worker, &served, started);
            (void)CloseHandle(worker);
        }
        if (is_set(END)) {
            return STATUS_DONE; /* a failure would have the manager start it again */
        }
        if (!served) {
            return status_text(status) == NULL ? STATUS_FAILED : status;
        }
        n_failures = GetTickCount64() - begun >= SERVED_LONG_MS ? 0 : n_failures;
        DWORD delay = pause_behind(status, n_failures);
        n_failures++;
        if (WaitForSingleObject(handles[END], delay) == WAIT_OBJECT_0) {
            return STATUS_DONE;
        }
    }
}

void supervise_end(void)
{
    (void)SetEvent(handles[END]);
}

bool supervise_reload(void)
{
    const HANDLE answers[] = {handles[RELOADED], handles[REFUSED]};
    (void)ResetEvent(handles[RELOADED]);
    (void)ResetEvent(handles[REFUSED]);
    (void)SetEvent(handles[RELOAD]);
    return WaitForMultipleObjects(2, answers, FALSE, RELOAD_PATIENCE_MS) == WAIT_OBJECT_0;
}

/* ---- The worker ------------------------------------------------------------------------------ */

static DWORD WINAPI obey(void *context)
{
    const HANDLE orders[] = {handles[RELOAD], handles[END], handles[WATCHER]};
    (void)context;
    while (WaitForMultipleObjects(3, orders, FALSE, INFINITE) == WAIT_OBJECT_0) {
        (void)SetEvent(handles[toa_serve_reload() ? RELOADED : REFUSED]);
    }
    toa_serve_end();
    return 0;
}

bool supervise_worker(const char *told)
{
    const char *at = told;
    for (int i = 0; i < N_HANDLES; i++) {
        uintptr_t number = 0;
        int len = 0;
        DWORD flags = 0;
        if (sscanf(at, "%" SCNxPTR "%n", &number, &len) != 1 ||
            at[len] != (i + 1 == N_HANDLES ? '\0' : ',')) {
            return false;
        }
        handles[i] = (HANDLE)number; /* NOLINT(performance-no-int-to-ptr) */
        at += len + 1;
        if (!GetHandleInformation(handles[i], &flags)) {
            return false;
        }
    }
    HANDLE thread = CreateThread(NULL, 0, obey, NULL, 0, NULL);
    if (thread != NULL) {
        (void)CloseHandle(thread);
    }
    return thread != NULL;
}

unsigned long supervise_watcher(void)
{
    return handles[WATCHER] == NULL ? 0 : GetProcessId(handles[WATCHER]);
}

void supervise_worker_started(void *context)
{
    (void)context;
    (void)SetEvent(handles[STARTED]);
}
