#include "status.h"

#include <stddef.h>

const char *status_text(int status)
{
    static const char *const texts[STATUS_LAST + 1] = {
        [STATUS_DONE] = "done, or ended as it was told to",
        [STATUS_NOT_RUNNING] = "the service does not run",
        [STATUS_CONFIGURATION] = "wrong usage, or toa_win.conf cannot be read or is wrong",
        [STATUS_SOCKET] = "a UDP address cannot be listened on",
        [STATUS_FAILED] = "no memory, or the system refuses something else",
        [STATUS_DENIED] = "not allowed: run it as administrator",
        [STATUS_NO_SERVICE] = "the service is not installed",
        [STATUS_THERE_ALREADY] = "the service is installed already, or runs already",
        [STATUS_TOO_LONG] = "the service does not start or stop in 30 seconds",
        [STATUS_MANAGER] = "the service manager refuses, or did not call",
        [12] = "NetworkCardIP is no address (the vendor's -1002)",
        [13] = "no network adapter has this address or name (-1003)",
        [14] = "Npcap is not installed, or finds no adapter (-1004)",
        [15] = "no clock or no wake-up (-1005)",
        [16] = "no filter can be made for this adapter (-1006)",
        [17] = "the filter cannot be installed (-1007)",
        [18] = "the adapter cannot be opened: rights? (-1008)",
        [19] = "the capture cannot be started (-1009)",
        [20] = "the thread cannot be started (-1010)",
        [STATUS_CAPTURE_OTHER] = "the capture fails for another reason (-1999)",
    };
    return status < 0 || status > STATUS_LAST ? NULL : texts[status];
}
