/*
 * toa_win.exe - the vendor's program: reads toa_win.conf beside it, writes toa_win.log beside it,
 * captures with Npcap and answers the UDP protocol; in a console, or as a service of Windows.
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include "beside_windows.h"
#include "loop_windows.h"
#include "manage.h"
#include "say.h"
#include "say_windows.h"
#include "status.h"
#include "supervise.h"

/* Beside the program: a service would look in System32. */
#define CONFIGURATION "toa_win.conf"
#define LOG           "toa_win.log"

static const char no_directory[] = "the program's own directory has too long a name";

static int status_of(toa_serve_result result, const toa_serve_watcher *watcher)
{
    if (result == TOA_SERVE_ENDED) {
        return STATUS_DONE;
    }
    if (result == TOA_SERVE_BAD_CONFIG) {
        return STATUS_CONFIGURATION;
    }
    if (watcher->no_socket) {
        return STATUS_SOCKET;
    }
    if (watcher->capture == TOA_LIVE_OK) {
        return STATUS_FAILED;
    }
    return watcher->capture <= TOA_LIVE_NO_THREAD ? STATUS_CAPTURE + (int)watcher->capture
                                                  : STATUS_CAPTURE_OTHER;
}

/* The whole daemon. */
static int serve(bool console, void (*started)(void *context))
{
    toa_config_maker flags;
    toa_serve_watcher watcher = {.started = started};
    toa_config_begin(&flags);
    if (!toa_go_beside()) {
        toa_say("%s", no_directory);
        return STATUS_CONFIGURATION;
    }
    if (!toa_say_to(LOG, console)) {
        toa_say("%s cannot be written now", LOG);
    }
    toa_say("toa_win " TOA_VERSION " begins: process %lu, watched by %lu",
            (unsigned long)GetCurrentProcessId(), supervise_watcher());
    const toa_serve_options options = {CONFIGURATION, &flags, NULL};
    int status = status_of(toa_serve_watched(&options, &watcher), &watcher);
    toa_say("toa_win ends with status %d: %s", status, status_text(status));
    return status;
}

/* ---- As a service ---------------------------------------------------------------------------- */

static SERVICE_STATUS_HANDLE manager;

static void report(DWORD state, int status)
{
    SERVICE_STATUS now = {
        .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
        .dwCurrentState = state,
        .dwControlsAccepted =
            state != SERVICE_RUNNING
                ? 0
                : SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_PARAMCHANGE,
        .dwWin32ExitCode = status == STATUS_DONE ? NO_ERROR : ERROR_SERVICE_SPECIFIC_ERROR,
        .dwServiceSpecificExitCode = (DWORD)status,
        .dwWaitHint = 30000,
    };
    (void)SetServiceStatus(manager, &now);
}

/* The shutdown is told of before anything ends for it, the worker say: it is no failure then. */
static DWORD WINAPI on_control(DWORD what, DWORD type, void *data, void *context)
{
    (void)type;
    (void)data;
    (void)context;
    if (what == SERVICE_CONTROL_STOP || what == SERVICE_CONTROL_PRESHUTDOWN) {
        report(SERVICE_STOP_PENDING, STATUS_DONE);
        supervise_end();
        return NO_ERROR;
    }
    if (what == SERVICE_CONTROL_PARAMCHANGE) {
        return supervise_reload() ? NO_ERROR : MANAGE_NOT_RELOADED;
    }
    return what == SERVICE_CONTROL_INTERROGATE ? NO_ERROR : ERROR_CALL_NOT_IMPLEMENTED;
}

static void on_started(void)
{
    report(SERVICE_RUNNING, STATUS_DONE);
}

static int watch_over_workers(void)
{
    wchar_t program[MAX_PATH];
    DWORD len = GetModuleFileNameW(NULL, program, MAX_PATH);
    return len == 0 || len >= MAX_PATH || !toa_go_beside() ? STATUS_CONFIGURATION
                                                           : supervise(program, LOG, on_started);
}

static void WINAPI service_main(DWORD n, char **arguments)
{
    (void)n;
    (void)arguments;
    (void)FreeConsole(); /* its news are not for services: they have the manager */
    manager = RegisterServiceCtrlHandlerExA(MANAGE_SERVICE, on_control, NULL);
    if (manager != NULL) {
        report(SERVICE_START_PENDING, STATUS_DONE);
        report(SERVICE_STOPPED, watch_over_workers());
    }
}

/* Called by the service manager: that is what `install` tells it. */
static int run_service(void)
{
    char name[] = MANAGE_SERVICE;
    const SERVICE_TABLE_ENTRYA table[] = {{name, service_main}, {NULL, NULL}};
    if (StartServiceCtrlDispatcherA(table)) {
        return STATUS_DONE;
    }
    (void)fprintf(
        stderr,
        "toa_win service: that is for the service manager, which did not call (error %lu of "
        "Windows); you want: toa_win start\n",
        (unsigned long)GetLastError());
    return STATUS_MANAGER;
}

/* ---- Commands -------------------------------------------------------------------------------- */

static int usage(FILE *to, int status)
{
    (void)fprintf(to, "toa_win: who is behind this connection?\n\n"
                      "usage: toa_win            runs here, until Ctrl-C\n"
                      "       toa_win install    makes it a service, which starts with Windows and "
                      "after a failure\n"
                      "       toa_win remove     stops it and takes it away\n"
                      "       toa_win start      starts the service\n"
                      "       toa_win stop       stops it\n"
                      "       toa_win reload     has it read toa_win.conf anew; it keeps what it "
                      "knows\n"
                      "       toa_win status     running, stopped, ...; status 0 when it runs\n"
                      "       toa_win version\n\n"
                      "toa_win.conf and toa_win.log lie beside the program. Exit status:\n");
    for (int i = 0; i <= STATUS_LAST; i++) {
        if (status_text(i) != NULL) {
            (void)fprintf(to, "  %2d  %s\n", i, status_text(i));
        }
    }
    return status;
}

/* What would be refused is said here, where somebody reads it; the service is not asked then. */
static bool may_reload(void)
{
    char error[TOA_CONFIG_ERROR];
    toa_config_maker flags;
    toa_service_config config;
    toa_config_begin(&flags);
    (void)snprintf(error, sizeof error, "%s", no_directory);
    bool right = toa_go_beside() && toa_service_config_load(CONFIGURATION, &flags, &config, error);
    if (!right) {
        (void)fprintf(stderr,
                      "toa_win reload: %s\ntoa_win reload: not done, the old "
                      "configuration goes on\n",
                      error);
    }
    return right;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    (void)_setmode(_fileno(stderr), _O_BINARY); /* messages have their ends of lines */
    if (argc == 3 && strcmp(command, "worker") == 0 && supervise_worker(argv[2])) {
        return serve(false, supervise_worker_started);
    }
    if (argc > 2) {
        return usage(stderr, STATUS_CONFIGURATION);
    }
    if (argc == 1) {
        return serve(true, NULL);
    }
    if (strcmp(command, "service") == 0) {
        return run_service();
    }
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        (void)printf("toa_win " TOA_VERSION "\n");
        return STATUS_DONE;
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0) {
        return usage(stdout, STATUS_DONE);
    }
    if (strcmp(command, "reload") == 0 && !may_reload()) {
        return STATUS_CONFIGURATION;
    }
    int status = manage(command);
    return status >= 0 ? status : usage(stderr, STATUS_CONFIGURATION);
}
