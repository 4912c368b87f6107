/*
 * toa/preload.h - for programs that know that they may run under libtoa-preload.so.
 *
 * The library is loaded into an unmodified server by `toa run -- ./server`, or by LD_PRELOAD.
 * There, accept(), accept4() and getpeername() give the real client. Who is behind that, the load
 * balancer's own address and port, is told by
 *
 *   - the function below. Do not link the library: look the function up, which fails where the
 * library is not loaded,
 *
 *         toa_preload_fake_peer_function *fake_peer =
 *             (toa_preload_fake_peer_function *)dlsym(RTLD_DEFAULT, "toa_preload_fake_peer");
 *
 *   - syscall(SYS_getpeername, fd, address, len), which goes past every library.
 */
#ifndef TOA_PRELOAD_H
#define TOA_PRELOAD_H

#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As getpeername(2), errors too, with the peer that the kernel knows. */
typedef int toa_preload_fake_peer_function(int fd, struct sockaddr *address, socklen_t *len);

#ifdef __cplusplus
}
#endif

#endif
