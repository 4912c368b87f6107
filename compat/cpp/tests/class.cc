/*
 * What class ToaFetcher answers when it is used as it should not be, on a real capture: built as
 * C++98 to C++20. Needs CAP_NET_RAW. Status 1: an answer is another than docs/COMPAT.md says.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <toa_fetcher.h>

static int n_wrong = 0;

static void check(const char *sentence, bool right)
{
    if (!right) {
        n_wrong++;
        printf("FAILED: %s\n", sentence);
    }
}

static bool has_error(ToaFetcher &fetcher, int code, const char *message)
{
    int got = 4711;
    char text[50 + 1];
    memset(text, '#', sizeof text);
    bool right = fetcher.FetchErrorInfo(&got, text) && got == code && strcmp(text, message) == 0 &&
                 text[50] == '#';
    if (!right) {
        printf("  %d %.50s\n", got, text);
    }
    return right;
}

static bool finds_nothing(ToaFetcher &fetcher)
{
    u_long ip = 4711;
    u_short port = 4711;
    return !fetcher.FetchToaValue(0x0100007f, 1, ip, port) && ip == 4711 && port == 4711;
}

static bool is_stopped(ToaFetcher &fetcher)
{
    return fetcher.GetFetcherStatus() == 0 && fetcher.FetchThreadHandler() == NULL &&
           has_error(fetcher, 0, "Ok") && finds_nothing(fetcher);
}

static bool runs(ToaFetcher &fetcher)
{
    return fetcher.GetFetcherStatus() == 1 && fetcher.FetchThreadHandler() != NULL &&
           finds_nothing(fetcher);
}

static bool failed(ToaFetcher &fetcher, int code, const char *message)
{
    return fetcher.GetFetcherStatus() == -1 && fetcher.FetchThreadHandler() == NULL &&
           has_error(fetcher, code, message) && finds_nothing(fetcher);
}

static char any[] = "";
static u_short ports[4] = {1111, 2222, 3333, 4444};

static void never_started()
{
    ToaFetcher fetcher;
    int code = 4711;
    char text[50] = "untouched";
    check("one that was never started is in its initial state", is_stopped(fetcher));
    fetcher.StopToaFetcher();
    check("to stop it changes nothing", is_stopped(fetcher));
    check("no place for the code: false", !fetcher.FetchErrorInfo(NULL, text));
    check("no place for the message: false", !fetcher.FetchErrorInfo(&code, NULL));
    check("and neither is written", code == 4711 && strcmp(text, "untouched") == 0);
}

static void started_and_stopped()
{
    ToaFetcher fetcher;
    check("it starts", fetcher.InitUpToaFetcher(any, any, ports, 3));
    check("and runs", runs(fetcher) && has_error(fetcher, 0, "Ok"));
    check("a second start is refused", !fetcher.InitUpToaFetcher(any, any, ports, 3));
    check("says so", has_error(fetcher, -1999, "Unknown error"));
    check("and the first goes on", runs(fetcher));
    check("so is one with four ports", !fetcher.InitUpToaFetcher(any, any, ports, 4));
    check("with its own code", has_error(fetcher, -1001, "Exceed max server port number"));
    check("and the first goes on still", runs(fetcher));
    fetcher.StopToaFetcher();
    check("stopped is the initial state", is_stopped(fetcher));
    fetcher.StopToaFetcher();
    check("to stop it twice changes nothing", is_stopped(fetcher));
    check("it starts again", fetcher.InitUpToaFetcher(any, any, ports, 1, 1) && runs(fetcher));
}

static void wrong_arguments()
{
    char range[] = "10001-10005";
    char blanks[] = "10001 - 10005";
    char backwards[] = "10005-10001";
    char *ranges[4] = {range, blanks, range, range};
    char *wrong[1] = {backwards};
    char *none[1] = {NULL};
    char no_address[] = "eth0";
    char nobody[] = "203.0.113.77";
    ToaFetcher fetcher;

    check("four ports", !fetcher.InitUpToaFetcher(any, any, ports, 4));
    check("are too many", failed(fetcher, -1001, "Exceed max server port number"));
    check("four ranges", !fetcher.InitUpToaFetcher(any, any, ranges, 4));
    check("are too many, too", failed(fetcher, -1001, "Exceed max server port number"));
    check("a name as interface", !fetcher.InitUpToaFetcher(no_address, any, ports, 1));
    check("is no address", failed(fetcher, -1002, "Invalid IP address"));
    check("a name as server", !fetcher.InitUpToaFetcher(any, no_address, ports, 1));
    check("is no address either", failed(fetcher, -1002, "Invalid IP address"));
    check("an address that is not here", !fetcher.InitUpToaFetcher(nobody, any, ports, 1));
    check("has no interface", failed(fetcher, -1003, "No suitable network interface"));
    check("no ports", !fetcher.InitUpToaFetcher(any, any, ports, 0));
    check("is an error", failed(fetcher, -1999, "Unknown error"));
    check("a range that runs backwards", !fetcher.InitUpToaFetcher(any, any, wrong, 1));
    check("is an error, too", failed(fetcher, -1999, "Unknown error"));
    check("a NULL range", !fetcher.InitUpToaFetcher(any, any, none, 1));
    check("NULL ports", !fetcher.InitUpToaFetcher(any, any, static_cast<u_short *>(NULL), 2));
    check("no time", !fetcher.InitUpToaFetcher(any, any, ports, 1, 0));
    check("are errors", failed(fetcher, -1999, "Unknown error"));
    check("NULL addresses are any", fetcher.InitUpToaFetcher(NULL, NULL, ranges, 2));
    check("a failure before does not matter", runs(fetcher) && has_error(fetcher, 0, "Ok"));
    fetcher.StopToaFetcher();
    check("ports and ranges", fetcher.InitUpToaFetcher(any, any, ports, 3, ranges, 3));
    check("at the same time", runs(fetcher));
}

static void *ask_until_told(void *context)
{
    ToaFetcher fetcher = *static_cast<ToaFetcher *>(context);
    for (int i = 0; i < 2000; i++) {
        if (!finds_nothing(fetcher)) {
            return context;
        }
    }
    return NULL;
}

static void from_every_thread()
{
    enum { N_THREADS = 4 };
    pthread_t threads[N_THREADS];
    ToaFetcher fetcher;
    bool right = true;
    for (int i = 0; i < N_THREADS; i++) {
        right = pthread_create(&threads[i], NULL, ask_until_told, &fetcher) == 0 && right;
    }
    for (int i = 0; i < 10; i++) {
        right = fetcher.InitUpToaFetcher(any, any, ports, 3) && right;
        right = fetcher.GetFetcherStatus() == 1 && right;
        fetcher.StopToaFetcher();
    }
    for (int i = 0; i < N_THREADS; i++) {
        void *wrong = NULL;
        right = pthread_join(threads[i], &wrong) == 0 && wrong == NULL && right;
    }
    check("started and stopped while others ask", right && is_stopped(fetcher));
}

static ToaFetcher returned()
{
    ToaFetcher fetcher;
    fetcher.InitUpToaFetcher(any, any, ports, 3);
    return fetcher;
}

static void copies()
{
    ToaFetcher fetcher = returned();
    check("one that is returned goes on", runs(fetcher));
    {
        ToaFetcher copy(fetcher);
        check("a copy is the same", copy.FetchThreadHandler() == fetcher.FetchThreadHandler());
    }
    check("it goes on when a copy ends", runs(fetcher));
    ToaFetcher other;
    other = fetcher;
    ToaFetcher &same = other;
    other = same;
    check("assigned, to itself too", runs(other));
    fetcher = ToaFetcher();
    check("what was assigned over is stopped", is_stopped(fetcher));
    check("the copy is not", runs(other));
    ToaFetcher last(other);
    last.StopToaFetcher();
    check("stopping one stops all", is_stopped(other) && is_stopped(last));
    ToaFetcher alone = returned();
    alone = other; // nobody else has that capture: it ends here, which main() looks at
}

/* Descriptors and threads; 0 where the system does not tell. */
static int n_open()
{
    static const char *const directories[] = {"/proc/self/fd", "/proc/self/task"};
    int n = 0;
    for (int i = 0; i < 2; i++) {
        DIR *all = opendir(directories[i]);
        while (all != NULL && readdir(all) != NULL) {
            n++;
        }
        if (all != NULL) {
            closedir(all);
        }
    }
    return n;
}

// How many there are when it has been the same for half a second: under Wine a thread that has
// ended is counted for a moment yet.
static int n_settled()
{
    const struct timespec moment = {0, 10000000};
    int n = n_open();
    for (int same = 0; same < 50; same++) {
        (void)nanosleep(&moment, 0);
        int now = n_open();
        same = now == n ? same : 0;
        n = now;
    }
    return n;
}

int main()
{
    never_started();
    started_and_stopped();
    int before = n_settled(); // a sanitizer has begun its own thread by now
    wrong_arguments();
    from_every_thread();
    copies();
    check("no capture is left behind", n_settled() <= before);
    return n_wrong == 0 ? 0 : 1;
}
