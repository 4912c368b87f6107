/*
 * The vendor's two samples as they stand in its document, with the braces that the page lost, and a
 * main around them: a server that says who each connection is from. Built as C++98 to C++20.
 * Call: vendor_samples N IP PORT   accepts N connections there, and prints two lines for each. Port
 *                                  1111 is one of the list, 10003 one of the ranges.
 */
#ifdef _WIN32
#include "sockets_windows.h"
#else
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
typedef int SOCKET;
static void sockets_begin()
{
}
#endif
#include <stdio.h>
#include <stdlib.h>
#include <toa_fetcher.h>

static void fpp(const char *name, const void *value, int size)
{
    const unsigned char *bytes = static_cast<const unsigned char *>(value);
    printf("%s", name);
    for (int i = 0; i < size; i++) {
        printf(" %d", bytes[i]);
    }
    printf("\n");
}

void GetToa(SOCKADDR_IN client_addr, ToaFetcher *toa_fetcher_ptr);

// clang-format off
void GetToa(SOCKADDR_IN client_addr, ToaFetcher * toa_fetcher_ptr)
{
  u_long fake_client_ip_addr = 0;
  u_short fake_client_port = 0;
  u_long real_client_ip_addr = 0;
  u_short real_client_port = 0;
  memcpy(&fake_client_ip_addr, &client_addr.sin_addr, 4);
  memcpy(&fake_client_port, &client_addr.sin_port, 2);
  bool ret = toa_fetcher_ptr->FetchToaValue(fake_client_ip_addr, fake_client_port, real_client_ip_addr, real_client_port);
  if(ret == FALSE){
    printf("No toa found\n");
  } else {
       //fpp: Custom print function
    fpp("real_client_ip_addr", &real_client_ip_addr, 4);    
    fpp("real_client_port", &real_client_port, 2);
  }
}
// clang-format on

static SOCKET listening(const char *ip, int port)
{
    SOCKADDR_IN address;
    int one = 1;
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<u_short>(port));
    address.sin_addr.s_addr = inet_addr(ip);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<char *>(&one), sizeof one);
    if (bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
        listen(listener, 1024) != 0) {
        perror("vendor_samples: listen");
        exit(4);
    }
    return listener;
}

static void serve(ToaFetcher *fetcher, int n_connections, SOCKET listener)
{
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < n_connections; i++) {
        SOCKADDR_IN client;
        socklen_t len = sizeof client;
        SOCKET connection = accept(listener, reinterpret_cast<sockaddr *>(&client), &len);
        GetToa(client, fetcher);
        fflush(stdout);
        close(connection);
    }
    close(listener);
}

int main(int argc, char **argv)
{
    int n_connections = argc > 1 ? atoi(argv[1]) : 1;
    const char *ip = argc > 2 ? argv[2] : "127.0.0.1";
    int port = argc > 3 ? atoi(argv[3]) : 1111;
    sockets_begin();
    // clang-format off
     char ncard_ip_str[] = "";
     char svr_ip_str[] = "";
     char port_range[3][100] = {"10001-10005", "20001-20005", "30001-30005"};
     char* port_range_ptr[3] = {port_range[0], port_range[1], port_range[2]};
     u_short svr_port_list[3] = {1111, 2222, 3333};
     ToaFetcher inst = ToaFetcher();
     inst.InitUpToaFetcher((char*)ncard_ip_str, (char*)svr_ip_str, svr_port_list, 3);
    // clang-format on

    int code = 0;
    char message[50];
    if (!inst.FetchErrorInfo(&code, message) || code != 0) {
        fprintf(stderr, "vendor_samples: %d %s\n", code, message);
        return 4;
    }
    ToaFetcher ranged;
    if (inst.GetFetcherStatus() != 1 ||
        !ranged.InitUpToaFetcher(ncard_ip_str, svr_ip_str, port_range_ptr, 3) ||
        ranged.InitUpToaFetcher(ncard_ip_str, svr_ip_str, svr_port_list, 4)) {
        fprintf(stderr, "vendor_samples: the overloads do not do as they say\n");
        return 4;
    }
    serve(port == 1111 ? &inst : &ranged, n_connections, listening(ip, port));
    ranged.StopToaFetcher();
    inst.StopToaFetcher();
    return 0;
}
