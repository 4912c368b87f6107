"""Ask toa serve who is behind a connection: version 2 of its protocol (docs/PROTOCOL.md).

    python3 toa_client.py IP PORT     the peer address that accept() gave

Status 0: found; 1: not found, and why; 2: usage; 4: nobody answers.
No dependencies; Python 3.8 and later.
"""
import ipaddress
import secrets
import socket
import struct
import sys
import time

MAGIC = b"TOA\x02"
QUERY = struct.Struct("!4sIBBBxHH16sH16s30x")
ANSWER = struct.Struct("!4sIBBBBBBBBH16sH16sH16sQH")
WORDS = {
    0: "found", 1: "never_seen", 2: "pending", 3: "no_option", 4: "expired", 5: "replaced",
    6: "untrusted", 7: "malformed", 8: "truncated", 10: "ambiguous", 11: "duplicate",
    12: "conflict", 13: "midstream", 22: "capture_drops",
}  # fmt: skip
CARRIERS = {0: None, 1: "syn", 2: "ack", 3: "data"}


class Malformed(ValueError):
    """Version 2, with a field that breaks a rule."""


class Foreign(ValueError):
    """Not version 2."""


def _packed(address):
    return ipaddress.ip_address(address).packed.ljust(16, b"\0")


def _port(port):
    if not 0 <= port <= 65535:
        raise ValueError(f"not a port: {port}")
    return port


def _address(version, packed):
    if version not in (0, 4, 6):
        raise Malformed("address version")
    size = {0: 0, 4: 4, 6: 16}[version]
    if any(packed[size:]):
        raise Malformed("bits behind an address")
    return str(ipaddress.ip_address(packed[:size])) if size else None


def encode(id, fake, server=None, wait_ms=0):
    """A question. fake and server are (address, port). ValueError: they are none."""
    version = ipaddress.ip_address(fake[0]).version
    server_version = ipaddress.ip_address(server[0]).version if server else 0
    return QUERY.pack(
        MAGIC, id, 1, version, server_version, wait_ms, _port(fake[1]), _packed(fake[0]),
        _port(server[1]) if server else 0, _packed(server[0]) if server else bytes(16),
    )  # fmt: skip


def decode(data):
    """An answer, as a dictionary; Foreign or Malformed."""
    if len(data) != ANSWER.size or data[:4] != MAGIC:
        raise Foreign("not an answer of version 2")
    (_, id, kind_of, word, flags, free, kind, carrier, versions, server_version, client_port,
     client, vip_port, vip, server_port, server, age, reserved) = ANSWER.unpack(data)  # fmt: skip
    client_version, vip_version = versions >> 4, versions & 15
    client, vip = _address(client_version, client), _address(vip_version, vip)
    server = _address(server_version, server)
    wrong = (
        kind_of != 2
        or word not in WORDS
        or flags & ~7
        or free > 40
        or carrier not in CARRIERS
        or (word == 0) != (client is not None)
        or (flags & 2 and not client)
        or (flags & 4 and not vip)
        or (client_port and not flags & 2)
        or (vip_port and not flags & 4)
        or (server_port and not server)
        or age >= 1 << 63
        or reserved
    )
    if wrong:
        raise Malformed("an answer that breaks a rule")
    return {
        "id": id,
        "word": WORDS[word],
        "ambiguous": bool(flags & 1),
        "free": free,
        "kind": kind,
        "carrier": CARRIERS[carrier],
        "client": client and (client, client_port if flags & 2 else None),
        "vip": vip and (vip, vip_port if flags & 4 else None),
        "server": server and (server, server_port),
        "age": age,
    }


def ask(fake, server=None, wait_ms=0, service=("127.0.0.1", 9999), timeout=0.25, tries=3):
    """Who is fake? An answer as decode() gives it. OSError: nobody answered; ValueError: fake is no address."""
    id = secrets.randbits(32)
    with socket.socket(socket.AF_INET6 if ":" in service[0] else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(service)  # answers from elsewhere never arrive
        for _ in range(tries):
            s.send(encode(id, fake, server, wait_ms))
            until = time.monotonic() + timeout + wait_ms / 1000
            while (left := until - time.monotonic()) > 0:
                s.settimeout(left)
                try:
                    answer = decode(s.recv(128))
                except (ValueError, socket.timeout):
                    continue
                if answer["id"] == id:
                    return answer
    raise TimeoutError("no answer from the service")


def main():
    try:
        _, address, port = sys.argv
        got = ask((address, int(port)), wait_ms=100)
    except ValueError as error:
        print(f"usage: toa_client.py IP PORT: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"nobody answers: {error}", file=sys.stderr)
        return 4
    print(*(got["client"] or (got["word"],)))
    return 0 if got["word"] == "found" else 1


if __name__ == "__main__":
    sys.exit(main())
