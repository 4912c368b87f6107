/* status.h - what toa_win.exe ends with: for scripts. A number keeps its meaning. */
#ifndef TOA_WIN_STATUS_H
#define TOA_WIN_STATUS_H

enum {
    STATUS_DONE = 0,
    STATUS_NOT_RUNNING = 1,   /* of `toa_win status` and `reload` */
    STATUS_CONFIGURATION = 2, /* usage, or toa_win.conf */
    STATUS_SOCKET = 3,
    STATUS_FAILED = 4,
    STATUS_DENIED = 5,
    STATUS_NO_SERVICE = 6,
    STATUS_THERE_ALREADY = 7,
    STATUS_TOO_LONG = 8,
    STATUS_MANAGER = 9,
    STATUS_CAPTURE = 11, /* + toa_live_error: 12 is the vendor's -1002, 20 its -1010 */
    STATUS_CAPTURE_OTHER = 29,
    STATUS_LAST = STATUS_CAPTURE_OTHER
};

/* One line; NULL: no such status. */
const char *status_text(int status);

#endif
