/*
 * toa_fetcher.h - class ToaFetcher, as the vendor's document describes it. Source: Tencent Cloud,
 * "Step 3: Obtain Real Client IP", 2022-06-17.
 *
 * C++98 and later. Header-only over the C interface of toa/fetcher.h. Copies share one capture,
 * which ends when it is stopped, or with the last copy. Every member may be called from any thread.
 */
#ifndef TOA_FETCHER_H
#define TOA_FETCHER_H

#include <toa/fetcher.h>

#include <string.h>

#ifdef _WIN32
// clang-format off
#include <winsock2.h> /* before windows.h, which has its predecessor in it */
#include <windows.h>
// clang-format on
#else
#include <netinet/in.h>
#include <sys/types.h>
typedef void *HANDLE;
typedef struct sockaddr_in SOCKADDR_IN;
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#endif

/* How long a mapping answers when nobody says otherwise, in seconds. */
#ifndef TIMER_CACHE_SECS
#define TIMER_CACHE_SECS 15
#endif

class ToaFetcher
{
  public:
    ToaFetcher() : fetcher_(toa_fetcher_new())
    {
    }

    ToaFetcher(const ToaFetcher &other) : fetcher_(toa_fetcher_hold(other.fetcher_))
    {
    }

    ToaFetcher &operator=(const ToaFetcher &other)
    {
        if (this != &other) {
            toa_fetcher_release(fetcher_);
            fetcher_ = toa_fetcher_hold(other.fetcher_);
        }
        return *this;
    }

    ~ToaFetcher()
    {
        toa_fetcher_release(fetcher_);
    }

    /* At most three ports, in host order. False: see FetchErrorInfo. */
    bool InitUpToaFetcher(char *ncard_ip_str, char *svr_ip_str, u_short svr_port[],
                          u_short svr_port_num, u_short cache_secs = TIMER_CACHE_SECS)
    {
        return start(ncard_ip_str, svr_ip_str, svr_port, svr_port_num, 0, 0, cache_secs);
    }

    /* At most three ranges, each like "10001-10005". */
    bool InitUpToaFetcher(char *ncard_ip_str, char *svr_ip_str, char *port_range_ptr[],
                          u_short port_range_num, u_short cache_secs = TIMER_CACHE_SECS)
    {
        return start(ncard_ip_str, svr_ip_str, 0, 0, port_range_ptr, port_range_num, cache_secs);
    }

    /* Both. */
    bool InitUpToaFetcher(char *ncard_ip_str, char *svr_ip_str, u_short svr_port[],
                          u_short svr_port_num, char *port_range_ptr[], u_short port_range_num,
                          u_short cache_secs = TIMER_CACHE_SECS)
    {
        return start(ncard_ip_str, svr_ip_str, svr_port, svr_port_num, port_range_ptr,
                     port_range_num, cache_secs);
    }

    /* All four in network order. u_long is 64 bits wide on some systems; the low 32 count. */
    bool FetchToaValue(u_long fake_client_ip_addr, u_short fake_client_port,
                       u_long &real_client_ip_addr, u_short &real_client_port)
    {
        uint32_t ip = 0;
        uint16_t port = 0;
        if (toa_fetcher_fetch(fetcher_, static_cast<uint32_t>(fake_client_ip_addr & 0xffffffffUL),
                              fake_client_port, &ip, &port) == 0) {
            return false;
        }
        real_client_ip_addr = ip;
        real_client_port = port;
        return true;
    }

    void StopToaFetcher()
    {
        toa_fetcher_stop(fetcher_);
    }

    int GetFetcherStatus()
    {
        return fetcher_ == 0 ? -1 : toa_fetcher_status(fetcher_);
    }

    HANDLE FetchThreadHandler()
    {
        return static_cast<HANDLE>(toa_fetcher_thread(fetcher_));
    }

    /* err_msg_ptr has room for 50 bytes. */
    bool FetchErrorInfo(int *err_code_ptr, char *err_msg_ptr)
    {
        if (err_code_ptr == 0 || err_msg_ptr == 0) {
            return false;
        }
        *err_code_ptr = toa_fetcher_error(fetcher_);
        const char *message = toa_fetcher_message(*err_code_ptr);
        memcpy(err_msg_ptr, message, strlen(message) + 1);
        return true;
    }

  private:
    enum { MOST_PORTS = 3 };

    bool start(char *interface_ip, char *server_ip, u_short ports[], u_short n_ports,
               char *ranges[], u_short n_ranges, u_short cache_secs)
    {
        if (n_ports > MOST_PORTS || n_ranges > MOST_PORTS) {
            toa_fetcher_fail(fetcher_, TOA_FETCHER_TOO_MANY_PORTS);
            return false;
        }
        toa_fetcher_config config;
        config.interface_ip = interface_ip;
        config.server_ip = server_ip;
        config.ports = ports;
        config.n_ports = n_ports;
        config.ranges = ranges;
        config.n_ranges = n_ranges;
        config.cache_secs = cache_secs;
        return toa_fetcher_start(fetcher_, &config) == TOA_FETCHER_OK;
    }

    toa_fetcher *fetcher_;
};

#endif
