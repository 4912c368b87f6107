#!/usr/bin/env python3
"""What `toa ctl metrics --listen` does with its clients, and with those that do not behave: the same
on Linux and on Windows. A row is a sentence.
Call: tools/tests/exporter.py URL    of an exporter whose service answers; "http://127.0.0.1:9990/metrics"
"""
import re
import socket
import sys
import time
import urllib.parse

PATIENCE = 2  # seconds that a client has
LONGEST = 4095  # bytes of a request

at = urllib.parse.urlsplit(sys.argv[1])
n_failed = n_passed = 0


def connect():
    return socket.create_connection((at.hostname, at.port), timeout=20)


def read_all(client):
    answer = b""
    try:
        while more := client.recv(65536):
            answer += more
    except ConnectionResetError:
        pass
    return answer


def talk(*parts, end=False):
    """What comes back, when the parts are sent with a pause in between."""
    with connect() as client:
        for i, part in enumerate(parts):
            time.sleep(0.2 if i else 0)
            client.sendall(part)
        if end:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


def row(sentence, right, got):
    global n_passed, n_failed
    n_passed += right
    n_failed += not right
    if not right:
        print(f"FAILED: {sentence}: {got[:300]!r}")


def answers(sentence, status, kind, body, *parts, end=False):
    got = talk(*parts, end=end)
    head, _, rest = got.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
    right = head.startswith(b"HTTP/1.1 %d " % status) and b"\r\nContent-Type: " + kind in head
    right = right and b"\r\nConnection: close" in head and length and int(length[1]) == len(rest)
    row(sentence, bool(right and re.search(body, rest)), got)


PLAIN, OLD, OPEN = b"text/plain; charset", b"text/plain; version=0.0.4", b"application/openmetrics-text; version=1.0.0"
UP = rb"(?m)^toa_up 1$"
GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
answers("metrics in the older form", 200, OLD, UP, GET + b"\r\n")
answers("OpenMetrics, for who asks for it", 200, OPEN, UP, GET + b"Accept: application/openmetrics-text\r\n\r\n")
answers("they have an end", 200, OPEN, rb"\n# EOF\n\Z", GET + b"accept: text/plain;q=0.5,Application/OpenMetrics-Text\r\n\r\n")
answers("a request in pieces", 200, OLD, UP, GET[:7], GET[7:], b"\r", b"\n")
answers("lines without a carriage return", 200, OLD, UP, GET.replace(b"\r", b"") + b"\n")
answers("whose sender has said all", 200, OLD, UP, GET + b"\r\n", end=True)
answers("a question behind the path", 200, OLD, UP, b"GET /metrics?x=y HTTP/1.0\r\n\r\n")
answers("the root names it", 200, PLAIN, rb"see /metrics", b"GET / HTTP/1.1\r\n\r\n")
answers("another path is not there", 404, PLAIN, rb"see /metrics", b"GET /metricsx HTTP/1.1\r\n\r\n")
answers("nothing is changed over HTTP", 405, PLAIN, rb"GET alone", b"POST /metrics HTTP/1.1\r\n\r\n")
answers("a zero byte is no request", 400, PLAIN, rb"no request", b"GET /metrics\0 HTTP/1.1\r\n\r\n")
answers("half of one is none", 400, PLAIN, rb"no request", GET, end=True)
answers("one of the longest", 200, OLD, UP, (GET + b"X: ").ljust(LONGEST - 4, b"x") + b"\r\n\r\n")
answers("a longer one is none", 400, PLAIN, rb"no request", (GET + b"X: ").ljust(LONGEST, b"x"))
got = talk(b"x" * 100000)
row("one that does not end is hung up on", b"200 OK" not in got, got)

begin = time.monotonic()
got = talk(b"GET /met")
took = time.monotonic() - begin
row("who falls silent is hung up on after 2 s", not got and PATIENCE - 0.5 < took < PATIENCE + 3, got + b" %f" % took)
begin = time.monotonic()
with connect() as slow:
    try:
        while time.monotonic() - begin < 20:
            slow.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        pass
took = time.monotonic() - begin
row("and so has who sends little by little", took < PATIENCE + 3, b"%f" % took)
connect().close()
with connect() as hasty:
    hasty.sendall(GET + b"\r\n")
answers("behind some that did not wait for theirs", 200, OLD, UP, GET + b"\r\n")
several = [connect() for _ in range(12)]
for one in reversed(several):
    one.sendall(GET + b"\r\n")
with connect() as silent:
    silent.sendall(GET)
    begin = time.monotonic()
    late = talk(GET + b"\r\n")
    took = time.monotonic() - begin
row("who comes behind a silent one waits for him, and is answered", bool(re.search(UP, late)) and took < PATIENCE + 3,
    late + b" %f" % took)
row("those that come at once have their turn", all(re.search(UP, read_all(one)) for one in several), b"")

print(f"{n_passed} passed, {n_failed} failed")
sys.exit(n_failed != 0)
