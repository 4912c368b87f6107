#include "pcap_functions.h"

#include <string.h>

#include <windows.h>

/* Every function that may be used of wpcap.dll, and where it goes. */
static const struct function {
    const char *name;
    size_t at;
    int needed;
} functions[] = {
    {"pcap_create", offsetof(toa_pcap_functions, create), 1},
    {"pcap_set_snaplen", offsetof(toa_pcap_functions, set_snaplen), 1},
    {"pcap_set_promisc", offsetof(toa_pcap_functions, set_promisc), 1},
    {"pcap_set_timeout", offsetof(toa_pcap_functions, set_timeout), 1},
    {"pcap_set_immediate_mode", offsetof(toa_pcap_functions, set_immediate_mode), 0},
    {"pcap_set_buffer_size", offsetof(toa_pcap_functions, set_buffer_size), 1},
    {"pcap_activate", offsetof(toa_pcap_functions, activate), 1},
    {"pcap_setnonblock", offsetof(toa_pcap_functions, setnonblock), 1},
    {"pcap_datalink", offsetof(toa_pcap_functions, datalink), 1},
    {"pcap_datalink_val_to_name", offsetof(toa_pcap_functions, datalink_val_to_name), 1},
    {"pcap_geterr", offsetof(toa_pcap_functions, geterr), 1},
    {"pcap_statustostr", offsetof(toa_pcap_functions, statustostr), 1},
    {"pcap_close", offsetof(toa_pcap_functions, close), 1},
    {"pcap_findalldevs", offsetof(toa_pcap_functions, findalldevs), 1},
    {"pcap_freealldevs", offsetof(toa_pcap_functions, freealldevs), 1},
    {"pcap_setfilter", offsetof(toa_pcap_functions, setfilter), 1},
    {"pcap_next_ex", offsetof(toa_pcap_functions, next_ex), 1},
    {"pcap_stats", offsetof(toa_pcap_functions, stats), 1},
};
enum { N_FUNCTIONS = sizeof functions / sizeof functions[0] };
_Static_assert(N_FUNCTIONS * sizeof(FARPROC) == sizeof(toa_pcap_functions), "each has its place");

/* Npcap's own directory, where its packet.dll is; else, with its WinPcap-compatible mode, WinPcap
 * or Wine, beside the program or among the system's. Not where the program was started from. */
static HMODULE load(void)
{
    static const char own[] = "\\Npcap\\wpcap.dll";
    char path[MAX_PATH + sizeof own];
    HMODULE library = NULL;
    UINT len = GetSystemDirectoryA(path, MAX_PATH);
    if (len != 0 && len < MAX_PATH) {
        memcpy(path + len, own, sizeof own);
        library = LoadLibraryExA(path, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
    }
    if (library == NULL) {
        library = LoadLibraryExA("wpcap.dll", NULL, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    }
    return library;
}

static BOOL CALLBACK fill(PINIT_ONCE once, void *argument, void **filled)
{
    static toa_pcap_functions table;
    HMODULE library = load();
    (void)once;
    (void)argument;
    for (size_t i = 0; library != NULL && i < N_FUNCTIONS; i++) {
        FARPROC function = GetProcAddress(library, functions[i].name);
        if (function == NULL && functions[i].needed) {
            (void)FreeLibrary(library);
            library = NULL;
        } else {
            memcpy((char *)&table + functions[i].at, &function, sizeof function);
        }
    }
    *filled = library == NULL ? NULL : &table;
    return TRUE;
}

/* Once: who installs it starts the program anew. */
const toa_pcap_functions *toa_pcap_functions_get(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    void *filled = NULL;
    return InitOnceExecuteOnce(&once, fill, NULL, &filled) ? filled : NULL;
}

const char *toa_pcap_functions_missing(void)
{
    return "Npcap is not installed, or finds no adapter: get it from https://npcap.com, install it "
           "as administrator, and start this again";
}

const char *toa_pcap_functions_rights(void)
{
    return "run as administrator, or install Npcap for all users";
}

const char *toa_pcap_functions_name(size_t i)
{
    return i < N_FUNCTIONS ? functions[i].name : NULL;
}
