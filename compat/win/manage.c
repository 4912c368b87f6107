#include "manage.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include <windows.h>

#include "status.h"

enum { PATIENCE_MS = 30000, LOOK_MS = 100 };

static int status_of(DWORD error)
{
    switch (error) {
    case NO_ERROR:
        return STATUS_DONE;
    case ERROR_ACCESS_DENIED:
        return STATUS_DENIED;
    case ERROR_SERVICE_DOES_NOT_EXIST:
        return STATUS_NO_SERVICE;
    case MANAGE_NOT_RELOADED:
        return STATUS_CONFIGURATION;
    case ERROR_SERVICE_NOT_ACTIVE:
        return STATUS_NOT_RUNNING;
    case ERROR_SERVICE_EXISTS:
    case ERROR_DUPLICATE_SERVICE_NAME:
    case ERROR_SERVICE_ALREADY_RUNNING:
        return STATUS_THERE_ALREADY;
    default:
        return STATUS_MANAGER;
    }
}

static int fail(const char *what)
{
    DWORD error = GetLastError();
    int status = status_of(error);
    (void)fprintf(stderr, "toa_win %s: %s (error %lu of Windows)\n", what, status_text(status),
                  (unsigned long)error);
    return status;
}

/* ---- Installing ------------------------------------------------------------------------------ */

/* Starts it again after each failure, and an end with an error is one: of the process that the
 * manager knows, or of a first start. See supervise.h for the others. */
static BOOL restart_after_failures(SC_HANDLE service)
{
    char description[] =
        "Tells who is behind a TCP connection: reads the client's address from TCP options (TOA) "
        "and answers over UDP.";
    SC_ACTION actions[] = {
        {SC_ACTION_RESTART, 1000}, {SC_ACTION_RESTART, 5000}, {SC_ACTION_RESTART, 60000}};
    SERVICE_FAILURE_ACTIONSA failures = {
        .dwResetPeriod = 3600,
        .cActions = sizeof actions / sizeof actions[0],
        .lpsaActions = actions,
    };
    SERVICE_FAILURE_ACTIONS_FLAG errors_too = {.fFailureActionsOnNonCrashFailures = TRUE};
    SERVICE_DESCRIPTIONA said = {.lpDescription = description};
    (void)ChangeServiceConfig2A(service, SERVICE_CONFIG_DESCRIPTION, &said);
    return ChangeServiceConfig2A(service, SERVICE_CONFIG_FAILURE_ACTIONS, &failures) &&
           ChangeServiceConfig2A(service, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &errors_too);
}

static int install(SC_HANDLE manager)
{
    wchar_t program[MAX_PATH];
    wchar_t line[MAX_PATH + 16];
    DWORD len = GetModuleFileNameW(NULL, program, MAX_PATH);
    if (len == 0 || len >= MAX_PATH) {
        return fail("install");
    }
    (void)swprintf(line, sizeof line / sizeof line[0], L"\"%ls\" service", program);
    SC_HANDLE service =
        CreateServiceW(manager, L"" MANAGE_SERVICE, L"TOA: real client addresses",
                       SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                       SERVICE_ERROR_NORMAL, line, NULL, NULL, NULL, NULL, NULL);
    if (service == NULL) {
        return fail("install");
    }
    if (!restart_after_failures(service)) { /* Wine cannot */
        (void)fprintf(stderr,
                      "toa_win install: this system will not start it again when a start fails, or "
                      "when all of it is killed (error %lu of Windows)\n",
                      (unsigned long)GetLastError());
    }
    (void)printf("toa_win: installed; it starts with Windows, or now: toa_win start\n");
    (void)CloseServiceHandle(service);
    return STATUS_DONE;
}

/* ---- A service that is there ----------------------------------------------------------------- */

/* Waits until it is in that state, or has stopped. */
static int wait_for(SC_HANDLE service, DWORD state, const char *what)
{
    SERVICE_STATUS now = {.dwCurrentState = 0};
    for (DWORD waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
        if (!QueryServiceStatus(service, &now)) {
            return fail(what);
        }
        if (now.dwCurrentState == state) {
            return STATUS_DONE;
        }
        if (now.dwCurrentState == SERVICE_STOPPED) {
            int status = now.dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR
                             ? (int)now.dwServiceSpecificExitCode
                             : STATUS_MANAGER;
            const char *why = status_text(status);
            (void)fprintf(stderr, "toa_win %s: it stopped with status %d: %s; see toa_win.log\n",
                          what, status, why == NULL ? "?" : why);
            return status;
        }
        Sleep(LOOK_MS);
    }
    (void)fprintf(stderr, "toa_win %s: %s\n", what, status_text(STATUS_TOO_LONG));
    return STATUS_TOO_LONG;
}

static int start(SC_HANDLE service)
{
    if (!StartServiceA(service, 0, NULL)) {
        return fail("start");
    }
    int status = wait_for(service, SERVICE_RUNNING, "start");
    if (status == STATUS_DONE) {
        (void)printf("toa_win: running\n");
    }
    return status;
}

/* While it starts the manager sends it nothing: that ends, one way or the other. */
static BOOL send_stop(SC_HANDLE service)
{
    SERVICE_STATUS now = {.dwCurrentState = SERVICE_START_PENDING};
    DWORD error = NO_ERROR;
    for (DWORD waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
        if (ControlService(service, SERVICE_CONTROL_STOP, &now)) {
            return TRUE;
        }
        error = GetLastError();
        if (!QueryServiceStatus(service, &now) || now.dwCurrentState != SERVICE_START_PENDING) {
            break;
        }
        Sleep(LOOK_MS);
    }
    SetLastError(now.dwCurrentState == SERVICE_STOPPED ? ERROR_SERVICE_NOT_ACTIVE : error);
    return now.dwCurrentState == SERVICE_STOP_PENDING;
}

static int stop(SC_HANDLE service)
{
    if (!send_stop(service)) {
        if (GetLastError() != ERROR_SERVICE_NOT_ACTIVE) {
            return fail("stop");
        }
    } else {
        int status = wait_for(service, SERVICE_STOPPED, "stop");
        if (status != STATUS_DONE) {
            return status;
        }
    }
    (void)printf("toa_win: stopped\n");
    return STATUS_DONE;
}

/* The service answers when it is done. */
static int reload(SC_HANDLE service)
{
    SERVICE_STATUS now;
    if (!ControlService(service, SERVICE_CONTROL_PARAMCHANGE, &now)) {
        if (GetLastError() == MANAGE_NOT_RELOADED) {
            (void)fprintf(stderr, "toa_win reload: not done, the old configuration goes on; see "
                                  "toa_win.log\n");
            return STATUS_CONFIGURATION;
        }
        return fail("reload");
    }
    (void)printf("toa_win: reloaded\n");
    return STATUS_DONE;
}

static int take_away(SC_HANDLE service)
{
    int status = stop(service);
    if (status != STATUS_DONE) {
        return status;
    }
    if (!DeleteService(service)) {
        return fail("remove");
    }
    (void)printf("toa_win: removed\n");
    return STATUS_DONE;
}

static int tell(SC_HANDLE service)
{
    static const char *const states[] = {
        [SERVICE_STOPPED] = "stopped",
        [SERVICE_START_PENDING] = "starting",
        [SERVICE_STOP_PENDING] = "stopping",
        [SERVICE_RUNNING] = "running",
    };
    SERVICE_STATUS now;
    if (!QueryServiceStatus(service, &now)) {
        return fail("status");
    }
    bool known =
        now.dwCurrentState < sizeof states / sizeof states[0] && states[now.dwCurrentState] != NULL;
    (void)printf("toa_win: %s\n", known ? states[now.dwCurrentState] : "paused");
    return now.dwCurrentState == SERVICE_RUNNING ? STATUS_DONE : STATUS_NOT_RUNNING;
}

static const struct command {
    const char *name;
    int (*run)(SC_HANDLE service);
    DWORD access;
} commands[] = {
    {"remove", take_away, SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE},
    {"start", start, SERVICE_START | SERVICE_QUERY_STATUS},
    {"stop", stop, SERVICE_STOP | SERVICE_QUERY_STATUS},
    {"reload", reload, SERVICE_PAUSE_CONTINUE}, /* what that control takes */
    {"status", tell, SERVICE_QUERY_STATUS},
};

static int run_command(SC_HANDLE manager, const struct command *command)
{
    SC_HANDLE service = OpenServiceA(manager, MANAGE_SERVICE, command->access);
    if (service == NULL) {
        return fail(command->name);
    }
    int status = command->run(service);
    (void)CloseServiceHandle(service);
    return status;
}

int manage(const char *name)
{
    const struct command *command = NULL;
    bool installs = strcmp(name, "install") == 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        command = strcmp(commands[i].name, name) == 0 ? &commands[i] : command;
    }
    if (command == NULL && !installs) {
        return -1;
    }
    SC_HANDLE manager =
        OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT | (installs ? SC_MANAGER_CREATE_SERVICE : 0));
    if (manager == NULL) {
        return fail(name);
    }
    int status = installs ? install(manager) : run_command(manager, command);
    (void)CloseServiceHandle(manager);
    return status;
}
