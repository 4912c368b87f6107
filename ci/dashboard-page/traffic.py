"""A bad day in a few minutes, for the dashboard: load balancers connect to two servers, and who serves them asks.

    python3 traffic.py SECONDS PID TOA      PID: of web-2's service, which is stopped for a while

Runs in a network namespace of its own, as root. What goes wrong, and when, stands in day().
"""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

seconds, victim, toa = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
SERVERS = {"10.0.0.80": 9999, "10.0.0.81": 9998}  # and the port where its service answers
TICK = 0.05
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setblocking(False)
stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
stranger.bind(("127.0.0.2", 0))
random.seed(1)


def send(source, port, server, seq, flags, options=b"", payload=b""):
    tcp = struct.pack("!HHIIBBHHH", port, 443, seq, 0, (20 + len(options)) // 4 << 4, flags, 999, 0, 0)
    addresses = socket.inet_aton(source) + socket.inet_aton(server)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(options + payload), 1, 0, 64, 6, 0) + addresses
    raw.sendto(ip + tcp + options + payload, (server, 0))


def toa_option(length=8):
    client = bytes([203, 0, 113, random.randrange(256)])
    return struct.pack("!BBH4s", 254, length, random.randrange(1024, 65536), client)


def connect(source, port, server, options):
    first = random.randrange(1 << 31)
    send(source, port, server, first, 2)
    send(source, port, server, first + 1, 16, options)
    send(source, port, server, first + 1, 24, payload=b"hello")
    send(source, port, server, first + 6, 24, payload=b"hello")
    return first


def ask(source, port, server, version=2):
    at = ("127.0.0.1", SERVERS[server])
    fake = socket.inet_aton(source)
    if version == 1:
        udp.sendto(struct.pack("!I4sH", 1, fake, port), at)
    else:
        udp.sendto(struct.pack("!4sIBBBxHH16s48x", b"TOA\x02", 1, 1, 4, 0, 0, port, fake), at)


def drain():
    try:
        while True:
            udp.recv(200)
    except BlockingIOError:
        pass


def usual(n, server, old):
    for _ in range(n):
        source, port = random.choice(["10.1.0.7", "10.1.0.8"]), random.randrange(1024, 65536)
        connect(source, port, server, toa_option())
        ask(source, port, server, random.choice([1, 2, 2]))
        old.append((time.monotonic(), source, port))
    while old and time.monotonic() - old[0][0] > 40:
        _, source, port = old.pop(0)
        if random.random() < 0.05:  # expired
            ask(source, port, server)
    if random.random() < 0.5:  # never_seen
        ask("10.1.0.9", random.randrange(1024, 65536), server)


def hangs(at):
    return 0.80 < at < 0.80 + 5 / seconds


def day(at, old, waiting):
    """One tick; `at` goes from 0 to 1."""
    for server in SERVERS:
        usual(random.randrange(2, 5) + (2 if server == "10.0.0.80" else 0), server, old[server])
    if 0.30 < at < 0.45:  # a load balancer whose option is gone
        for _ in range(4):
            port = random.randrange(1024, 65536)
            first = connect("10.1.0.6", port, "10.0.0.80", b"")
            if random.random() < 0.5:  # over: no_option; else pending
                send("10.1.0.6", port, "10.0.0.80", first + 11, 17)
            ask("10.1.0.6", port, "10.0.0.80")
    if at > 0.40 and random.random() < 0.3:  # one that Trust does not name
        port = random.randrange(1024, 65536)
        connect("198.51.100.66", port, "10.0.0.80", toa_option())
        ask("198.51.100.66", port, "10.0.0.80")
    if random.random() < 0.1:
        port = random.randrange(1024, 65536)
        connect("10.1.0.5", port, "10.0.0.80", toa_option(7))
        ask("10.1.0.5", port, "10.0.0.80")
        udp.sendto(b"no question", ("127.0.0.1", 9999))
        stranger.sendto(bytes(10), ("127.0.0.1", 9999))
    if 0.50 < at < 0.58 or hangs(at):  # strangers fill web-2's table, and the ring that nobody empties
        for _ in range(120):
            source, port = "10.1.0.%d" % random.randrange(20, 250), random.randrange(1024, 65536)
            send(source, port, "10.0.0.81", random.randrange(1 << 31), 2, toa_option())
    if 0.62 < at < 0.72 and random.random() < 0.3:  # questions that wait for what does not come
        port = str(random.randrange(1024, 65536))
        question = [toa, "query", "10.1.0.4:" + port, "--wait", "3000"]
        waiting.append(subprocess.Popen(question, stdout=subprocess.DEVNULL))


def main():
    old = {server: [] for server in SERVERS}
    waiting = []
    start = time.monotonic()
    stopped = False
    while (at := (time.monotonic() - start) / seconds) < 1:
        began = time.monotonic()
        day(at, old, waiting)
        drain()
        if stopped != hangs(at):
            stopped = not stopped
            os.kill(victim, signal.SIGSTOP if stopped else signal.SIGCONT)
        time.sleep(max(0, TICK - (time.monotonic() - began)))
    for process in waiting:
        process.wait()


main()
