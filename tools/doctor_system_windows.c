#include "doctor.h"

#include <stdio.h>
#include <string.h>

#include <windows.h>

#include "beside_windows.h"

const char doctor_interfaces[] = "ipconfig /all";

const char *doctor_config_default(void)
{
    bool there =
        toa_go_beside() && GetFileAttributesA(DOCTOR_CONFIG_DEFAULT) != INVALID_FILE_ATTRIBUTES;
    return there ? DOCTOR_CONFIG_DEFAULT : NULL;
}

/* Whether this program runs as administrator, by Windows' own word for it. */
static bool is_elevated(void)
{
    TOKEN_ELEVATION elevation = {.TokenIsElevated = 0};
    HANDLE token = NULL;
    DWORD len = 0;
    bool known = OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) != 0;
    if (known) {
        known = GetTokenInformation(token, TokenElevation, &elevation, sizeof elevation, &len) != 0;
        (void)CloseHandle(token);
    }
    return known && elevation.TokenIsElevated != 0;
}

/* What Npcap's installer was told, by its documents: 1 keeps others than administrators away. */
static bool wants_administrator(void)
{
    DWORD value = 0;
    DWORD len = sizeof value;
    return RegGetValueA(HKEY_LOCAL_MACHINE,
                        "SYSTEM\\CurrentControlSet\\Services\\npcap\\Parameters", "AdminOnly",
                        RRF_RT_REG_DWORD, NULL, &value, &len) == ERROR_SUCCESS &&
           value != 0;
}

static bool has_library(const char *below)
{
    char path[MAX_PATH];
    UINT len = GetSystemDirectoryA(path, sizeof path);
    if (len == 0 || len + strlen(below) >= sizeof path) {
        return false;
    }
    (void)strcpy(path + len, below);
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

void doctor_system(doctor_report *report)
{
    if (is_elevated()) {
        doctor_tell(report, "rights", DOCTOR_OK, "this program runs as administrator");
    } else if (wants_administrator()) {
        doctor_tell(report, "rights", DOCTOR_FAILURE,
                    "Npcap lets administrators capture alone, and this is none|run it as "
                    "administrator, or install toa_win.exe as a service");
    } else {
        doctor_tell(report, "rights", DOCTOR_OK,
                    "this is no administrator, and Npcap was not told to want one");
    }
    if (has_library("\\Npcap\\wpcap.dll")) {
        doctor_tell(report, "npcap", DOCTOR_OK, "Npcap is installed");
    } else if (has_library("\\wpcap.dll")) {
        doctor_tell(report, "npcap", DOCTOR_OK,
                    "a wpcap.dll lies among the system's: Npcap's in WinPcap's place, WinPcap, or "
                    "Wine's");
    } else {
        doctor_tell(report, "npcap", DOCTOR_FAILURE,
                    "Npcap is not installed|get it from https://npcap.com");
    }
}
