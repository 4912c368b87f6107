#include "commands.h"

#define MASK(id) (1U << (id))

enum {
    REPLAY = MASK(COMMAND_REPLAY),
    CHECK = MASK(COMMAND_CHECK),
    CAPTURE = MASK(COMMAND_CAPTURE),
    SERVE = MASK(COMMAND_SERVE),
    QUERY = MASK(COMMAND_QUERY),
    CTL = MASK(COMMAND_CTL),
    DOCTOR = MASK(COMMAND_DOCTOR),
    INSPECT = MASK(COMMAND_INSPECT),
    RUN = MASK(COMMAND_RUN),
    EVERY = MASK(N_COMMANDS) - 1,
    LEARN = REPLAY | CAPTURE | SERVE, /* what runs an engine */
#ifdef _WIN32
    RIGHTS = 0 /* what gives up rights: there are no users to become, and no sandbox */
#else
    RIGHTS = CAPTURE | SERVE | DOCTOR
#endif
};

const char *const cli_group_titles[N_GROUPS] = {
    [GROUP_INPUT] = "Frames",   [GROUP_LEARN] = "What is learned", [GROUP_ASK] = "Questions",
    [GROUP_OUTPUT] = "Results", [GROUP_RUN] = "The run",
};

#define DIALECTS "tencent ucloud lvs bytedance alibaba-vpc alibaba-vpc6 cdn f5"

const cli_option cli_options[] = {
    {"interface", 'i', "IFACE|IP|any", OFFER_INTERFACES, GROUP_INPUT, CAPTURE | SERVE | DOCTOR,
     "capture here: a name, an address, or any"},
    {"count", 'c', "N", OFFER_NOTHING, GROUP_INPUT, CAPTURE, "end after so many frames"},
    {"buffer", 0, "BYTES", OFFER_NOTHING, GROUP_INPUT, CAPTURE | SERVE | DOCTOR,
     "of the kernel's ring"},
    {"seconds", 0, "N", OFFER_NOTHING, GROUP_INPUT, DOCTOR,
     "capture for so long; 0: not at all; default 5"},
    {"filter", 'f', "EXPRESSION", OFFER_NOTHING, GROUP_INPUT, REPLAY | INSPECT,
     "look only at frames that this libpcap filter accepts"},
    {"read", 'r', "FILE", OFFER_FILES, GROUP_INPUT, SERVE,
     "answer from this capture instead of a live one; may come again"},
    {"at", 0, "SECONDS", OFFER_NOTHING, GROUP_INPUT, SERVE,
     "with --read: what time it is, since the first frame; default: its end"},
    {"decap", 0, NULL, OFFER_NOTHING, GROUP_INPUT, LEARN | INSPECT | DOCTOR,
     "open IPIP, 6in4, GRE, VXLAN and Geneve"},

    {"server", 0, "IP[:PORTS]", OFFER_NOTHING, GROUP_LEARN, LEARN | INSPECT | DOCTOR,
     "watch flows to this server (any:443, 10.0.0.80:443,8000-8010)"},
    {"dialect", 0, "NAME", DIALECTS, GROUP_LEARN, LEARN | RUN | DOCTOR,
     "listen for this dialect; default tencent and lvs"},
    {"trust", 0, "CIDR", OFFER_NOTHING, GROUP_LEARN, LEARN | RUN | DOCTOR,
     "believe a TOA from these sources alone"},
    {"ttl", 0, "SECONDS", OFFER_NOTHING, GROUP_LEARN, LEARN,
     "how long a mapping answers; default 15"},
    {"hold", 0, "connection", "connection", GROUP_LEARN, LEARN,
     "until FIN or RST, and ttl from then on"},
    {"duplicates", 0, "WHICH", "first last reject", GROUP_LEARN, LEARN | RUN,
     "several TOAs in a segment: first (default), last, reject"},
    {"midstream", 0, NULL, OFFER_NOTHING, GROUP_LEARN, LEARN | DOCTOR,
     "believe a TOA outside the handshake: of flows that began earlier"},
    {"records", 0, "N", OFFER_NOTHING, GROUP_LEARN, LEARN,
     "flows that are kept at once; default 65536"},

    {"ask", 0, "T,FAKE[>SERVER]", OFFER_NOTHING, GROUP_ASK, REPLAY,
     "who is FAKE, T seconds after the first frame?"},
    {"service", 0, "PORT", OFFER_NOTHING, GROUP_ASK, REPLAY,
     "UDP port whose recorded answers are checked; may come again; default 9999"},
    {"sources", 0, "syn,service", "syn service syn,service service,syn", GROUP_ASK, RUN,
     "whom to ask, in this order: the SYN that the kernel saved, toa serve; default both"},
    {"server", 0, "HOST:PORT", OFFER_NOTHING, GROUP_ASK, QUERY | RUN,
     "the service that is asked; default 127.0.0.1:9999"},
    {"wait", 0, "MS", OFFER_NOTHING, GROUP_ASK, QUERY | RUN,
     "let the service wait so long for the client to be known"},
    {"v1", 0, NULL, OFFER_NOTHING, GROUP_ASK, QUERY,
     "ask in version 1, which toa_win.exe understands too; it knows no reasons"},
    {"explain", 0, NULL, OFFER_NOTHING, GROUP_OUTPUT, QUERY,
     "say what the answer means, and what to change"},
    {"timeout", 0, "MS", OFFER_NOTHING, GROUP_ASK, QUERY,
     "for each try, --wait not counted; default 1000"},
    {"tries", 0, "N", OFFER_NOTHING, GROUP_ASK, QUERY, "before giving up; default 3"},
    {"listen", 'l', "IP[:PORT]", OFFER_NOTHING, GROUP_ASK, SERVE,
     "answer here; may come again; default 127.0.0.1:9999"},
    {"allow", 'a', "CIDR", OFFER_NOTHING, GROUP_ASK, SERVE,
     "who may ask; needed to listen on anything but loopback"},
    {"held", 0, "N", OFFER_NOTHING, GROUP_ASK, SERVE,
     "questions that may wait at once; default 4096"},

    {"socket", 's', "PATH", OFFER_FILES, GROUP_ASK, CTL | DOCTOR,
     "the service's control socket; default " CTL_SOCKET_DEFAULT},
    {"listen", 'l', "IP:PORT", OFFER_NOTHING, GROUP_ASK, CTL,
     "with metrics: answer GET /metrics here, until ended"},

    {"json", 0, NULL, OFFER_NOTHING, GROUP_OUTPUT,
     REPLAY | CAPTURE | QUERY | INSPECT | CTL | DOCTOR, "JSON lines"},
    {"all", 0, NULL, OFFER_NOTHING, GROUP_OUTPUT, CTL,
     "with mappings: flows without one, too, and why"},
    {"module", 0, NULL, OFFER_NOTHING, GROUP_OUTPUT, CTL,
     "with stats: as the kernel modules' /proc/net/toa_stats prints it"},
    {"summary", 0, NULL, OFFER_NOTHING, GROUP_OUTPUT, REPLAY | CAPTURE, "the last line alone"},
    {"write", 'w', "FILE", OFFER_FILES, GROUP_OUTPUT, CAPTURE,
     "write the frames as pcap; '-' is standard output"},
    {"record", 0, "DIR", OFFER_DIRECTORIES, GROUP_OUTPUT, SERVE,
     "keep frames, questions and answers there, as cases for toa check"},
    {"record-size", 0, "BYTES", OFFER_NOTHING, GROUP_OUTPUT, SERVE,
     "of a file at which the next one begins; default 64 MiB"},
    {"record-files", 0, "N", OFFER_NOTHING, GROUP_OUTPUT, SERVE, "files that are kept; default 10"},
    {"bless", 0, NULL, OFFER_NOTHING, GROUP_OUTPUT, CHECK,
     "record below '---' what each frame did, unless an ask is not met"},
    {"junit", 0, "FILE", OFFER_FILES, GROUP_OUTPUT, CHECK,
     "write the results as JUnit XML too; '-' is standard output"},

    {"config", 'c', "FILE", OFFER_FILES, GROUP_RUN, SERVE | DOCTOR,
     "toa_win.conf: its keys, and those that the flags here have"},
    {"check", 0, NULL, OFFER_NOTHING, GROUP_RUN, SERVE,
     "read the configuration, print it, and end"},
    {"control", 0, "PATH", OFFER_FILES, GROUP_RUN, SERVE, "listen there for 'toa ctl'"},
    {"user", 0, "NAME", OFFER_NOTHING, GROUP_RUN, RIGHTS | (RIGHTS == 0 ? 0 : CTL),
     "go on as this user, when started as root; default nobody (ctl: the owner of the socket)"},
    {"sandbox", 0, "no", "yes no", GROUP_RUN, RIGHTS,
     "do not give up the system calls that are not needed"},
    {"log", 0, NULL, OFFER_NOTHING, GROUP_OUTPUT, RUN,
     "a line on standard error for every connection: who it is, or why that is not known"},
    {"library", 0, "FILE", OFFER_FILES, GROUP_RUN, RUN,
     "libtoa-preload.so, when it is not where it was installed"},
    {"log", 0, "FORM", "text logfmt json", GROUP_RUN, SERVE,
     "form of the messages: text (default), logfmt, json"},
    {"jobs", 'j', "N", OFFER_NOTHING, GROUP_RUN, CHECK, "cases at once; default 1"},
    {"hash-key", 0, "N", OFFER_NOTHING, GROUP_RUN, CHECK,
     "the engine's hash key; nothing depends on it while no flow is pushed out"},
    {"help", 'h', NULL, OFFER_NOTHING, GROUP_RUN, EVERY, "this text"},
};
const size_t cli_n_options = sizeof cli_options / sizeof cli_options[0];

/* Behind the options, where the systems differ. */
#ifdef _WIN32
#define CAPTURE_ENDS "Ctrl-C"
#define SERVE_MORE                                                                                 \
    "Answers questions over UDP, versions 1 (the vendor's) and 2, until Ctrl-C; 'toa ctl "         \
    "reload'\n"                                                                                    \
    "reads the configuration anew. Flags stand over the file. Captures on any adapter unless "     \
    "one\n"                                                                                        \
    "is named, for which it takes Npcap and, as that was installed, an administrator. With "       \
    "--read\n"                                                                                     \
    "it needs nothing. toa_win.exe is the same as a service of Windows.\n"
#define CTL_WHO                                                                                    \
    "The pipe lets in administrators, the system, and who started the service. Status 4: it "      \
    "does\n"                                                                                       \
    "not answer, or refuses.\n"
#define DOCTOR_CONFIG "toa_win.conf beside this program"
#define RUN_MORE                                                                                   \
    "Not on Windows: programs there cannot be given another accept(). Link lib_toa.lib, or ask "   \
    "a\n"                                                                                          \
    "running service over UDP, as 'toa query' does. Status 2, always.\n"
#else
#define CAPTURE_ENDS "INT, TERM"
#define SERVE_MORE                                                                                 \
    "Answers questions over UDP, versions 1 (the vendor's) and 2. Signals: HUP reads the\n"        \
    "configuration anew, USR1 prints a summary, TERM and INT end. Flags stand over the file.\n"    \
    "Captures on any interface unless one is named. Needs CAP_NET_RAW to capture, and gives up\n"  \
    "everything else. With --read it needs nothing.\n"
#define CTL_WHO                                                                                    \
    "Whoever may open the socket gets stats and metrics; the rest is for root, and for who "       \
    "started\n"                                                                                    \
    "the service. Status 4: it does not answer, or refuses.\n"
#define DOCTOR_CONFIG DOCTOR_CONFIG_DEFAULT
#define RUN_MORE                                                                                   \
    "Loads libtoa-preload.so into the program: accept(), accept4() and getpeername() give it "     \
    "the\n"                                                                                        \
    "client that the TOA names. The saved SYN takes no rights and no service; it misses a TOA "    \
    "that\n"                                                                                       \
    "the ACK alone carries, and with a load balancer of that kind (DPVS since 1.9.6) it can be "   \
    "forged\n"                                                                                     \
    "by the client: then --sources service. Programs that are static, written in Go, or setuid "   \
    "cannot\n"                                                                                     \
    "be reached so, and are refused. Status: the program's; 2: it is of those; 4: it does not "    \
    "start.\n"
#endif

const cli_command cli_commands[N_COMMANDS] = {
    [COMMAND_REPLAY] =
        {"replay", 1, "FILE|-...", OFFER_FILES, "read captures and print what was learned",
         "Reads pcap and pcapng, packed by gzip or zstd or not, and '-' for standard input. "
         "Several\n"
         "files are one stream. Each line of output is a frame that taught, refused or ended "
         "something.\n"
         "Dialects: tencent, ucloud, lvs, bytedance, alibaba-vpc, alibaba-vpc6, cdn, f5, and\n"
         "kind=K,len=L,port=OFFSET|none,ip=OFFSET[,family=4|6] with offsets from the kind byte.\n"
         "Status 1: an answer of the UDP service, found in the capture, is not the engine's.\n"},
    [COMMAND_CHECK] =
        {"check", 1, "CASE|DIR...", OFFER_FILES, "run regression cases",
         "A case is a text file: a capture, settings, and asks with the answers they must get; "
         "below\n"
         "'---' stands what each frame did when it was blessed. A directory means all .case files "
         "in it\n"
         "and below. Status 1: a case is not met; 2: a case file is wrong; 3: a capture cannot be "
         "read.\n"},
    [COMMAND_CAPTURE] =
        {"capture", 1, "", OFFER_NOTHING, "the same as replay, from an interface",
         "Prints what 'toa replay' prints, as it happens, and ends with " CAPTURE_ENDS ", or after "
         "--count\n"
         "frames. A filter in the kernel keeps away what cannot teach: frames are those that came "
         "up.\n"},
    [COMMAND_SERVE] = {"serve", 8, "", OFFER_NOTHING,
                       "answer questions over UDP from a live capture, or from a file", SERVE_MORE},
    [COMMAND_QUERY] =
        {"query", 1, "IP:PORT[>SERVER]", OFFER_NOTHING,
         "ask a running service who is behind a connection",
         "IP:PORT is the peer address that accept() gave, IP:PORT>IP:PORT names the server too.\n"
         "Status 0: the client is known; 1: it is not, and the answer says why; 4: no answer.\n"},
    [COMMAND_CTL] =
        {"ctl", 8, "stats|metrics|mappings|explain FAKE[>SERVER]|flush|reload",
         "stats metrics mappings explain flush reload",
         "ask a running service what it does, and tell it what to do",
         "The service is one with --control. stats: what it counted; metrics: the same for "
         "Prometheus;\n"
         "mappings: who is who now; explain: what a connection's segments were, why it has no "
         "address,\n"
         "what to change; flush: forget all mappings; reload: read the configuration "
         "anew.\n" CTL_WHO},
    [COMMAND_DOCTOR] =
        {"doctor", 8, "", OFFER_NOTHING, "find out why connections have no address",
         "Looks at the configuration (--config, default " DOCTOR_CONFIG ", and the flags), at the "
         "rights\n"
         "and the system, asks the service behind --socket what it has counted, and captures for "
         "some\n"
         "seconds: is there traffic, do options name clients, of which dialects, is anything cut "
         "or\n"
         "dropped? Status 0: all is well; 1: a warning or a failure was found.\n"},
    [COMMAND_INSPECT] =
        {"inspect", 1, "FILE|-...|HEX", OFFER_FILES,
         "tell which options segments carry, and which dialect that is",
         "Reads captures as 'toa replay' does, and tells which options their TCP segments carry, "
         "which\n"
         "dialects read them, how plausible that is, and what to call 'toa replay' with.\n"
         "HEX is one list of options, as tcpdump and Wireshark show it: fe08cf882f5e575a. Blanks, "
         "colons\n"
         "and 0x may stand between bytes. What is the name of a file is a file, and so is what "
         "has\n"
         "anything else in it.\n"
         "Status 3: a capture cannot be read, or is truncated; what it had is told.\n"},
    [COMMAND_RUN] = {"run", 1, "PROGRAM [ARGUMENT]...", OFFER_PROGRAMS,
                     "run a server that sees the real clients, unmodified", RUN_MORE},
    [COMMAND_VERSION] = {"version", 1, "", OFFER_NOTHING, "print the version, and that of libpcap",
                         ""},
};

const char *const cli_statuses[N_STATUSES] = {
    "done, as expected, found", "an expectation not met, not found",
    "usage or configuration",   "input unreadable or truncated",
    "failed while running",
};

bool cli_command_built(cli_command_id id)
{
    unsigned missing = 0;
#ifndef TOA_WITH_SERVICE
    missing |= SERVE | QUERY;
#endif
#ifndef TOA_WITH_CAPTURE
    missing |= CAPTURE;
#endif
#ifndef TOA_WITH_CONTROL
    missing |= CTL | DOCTOR;
#endif
#ifndef TOA_WITH_RUN
    missing |= RUN;
#endif
    return id < N_COMMANDS && (MASK(id) & missing) == 0;
}

bool cli_command_takes(const cli_command *command, const cli_option *option)
{
    return (option->commands & MASK(command - cli_commands)) != 0;
}
