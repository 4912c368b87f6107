#!/usr/bin/env python3
"""Forges the seeds of the capture reader: one small file a feature, named after it.

Usage: corpus/forge-captures.py [DIRECTORY]   (default: corpus/seeds/capture beside this file)
Equal output on every run: no clock, no random numbers, stored instead of compressed blocks.
"""

import pathlib
import struct
import sys
import zlib

ETHERNET, RAW, LINUX_SLL = 1, 101, 113
MICROS, NANOS, KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34


def syn(link_type):
    """A SYN with MSS and TOA 254/8 from 10.0.1.7:40001 to 10.0.0.80:443, checksums left at 0."""
    options = bytes.fromhex("020405b4 fe08 c93d cb007109 0101")
    tcp = struct.pack(">HHIIBBHHH", 40001, 443, 1000, 0, (20 + len(options)) * 4, 2, 65535, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(options), 1, 0, 64, 6, 0,
                     bytes([10, 0, 1, 7]), bytes([10, 0, 0, 80]))
    head = {
        ETHERNET: bytes.fromhex("020000000050 020000000107 0800"),
        RAW: b"",
        LINUX_SLL: bytes.fromhex("0000 0001 0006 020000000107 0000 0800"),
    }[link_type]
    return head + ip + tcp + options


def pcap(order="<", magic=MICROS, link_type=ETHERNET, version=(2, 4), snap=262144, records=None):
    out = struct.pack(order + "IHHiIII", magic, *version, 0, 0, snap, link_type)
    for index in range(2):
        frame = syn(link_type & 0xFFFF)
        captured, original = (records or [(len(frame), len(frame))] * 2)[index]
        lengths = (original, captured) if version < (2, 3) else (captured, original)
        out += struct.pack(order + "IIII", 1700000000 + index, 250000, *lengths)
        out += bytes(8) if magic == KUZNETZOV else b""
        out += frame[:captured]
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order="<"):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order="<", link_type=ETHERNET, snap=262144, options=b""):
    return block(order, 1, struct.pack(order + "HHI", link_type, 0, snap) + options)


def enhanced(order="<", face=0, stamp=1700000000250000, link_type=ETHERNET, options=b""):
    frame = syn(link_type)
    body = struct.pack(order + "IIIII", face, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 6, body + frame + bytes(-len(frame) % 4) + options)


def simple(order="<"):
    frame = syn(ETHERNET)
    return block(order, 3, struct.pack(order + "I", len(frame)) + frame)


def obsolete(order="<"):
    frame = syn(ETHERNET)
    stamp = 1700000000250000
    body = struct.pack(order + "HHIIII", 0, 7, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 2, body + frame)


def resolution(value, offset=None, order="<"):
    options = option(order, 9, bytes([value]))
    if offset is not None:
        options += option(order, 14, struct.pack(order + "q", offset))
    return options + option(order, 0, b"")


def gzip(data):
    deflate = zlib.compressobj(0, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    return bytes.fromhex("1f8b08000000000000ff") + body + struct.pack("<II", zlib.crc32(data), len(data))


def zstd(data):
    """One frame, single segment, four-byte content size, one raw block (RFC 8878, 3.1.1)."""
    head = bytes.fromhex("28b52ffda0") + struct.pack("<I", len(data))
    return head + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def seeds():
    little, big = pcap(), pcap(">")
    ng = section() + interface() + enhanced() + enhanced(stamp=1700000001250000)
    size = len(syn(ETHERNET))
    yield "pcap-micros-little.pcap", little
    yield "pcap-micros-big.pcap", big
    yield "pcap-nanos-little.pcap", pcap("<", NANOS)
    yield "pcap-nanos-big.pcap", pcap(">", NANOS)
    yield "pcap-kuznetzov.pcap", pcap("<", KUZNETZOV)
    yield "pcap-version-2.2-lengths-swapped.pcap", pcap(version=(2, 2), records=[(size, size + 40)] * 2)
    yield "pcap-version-2.3.pcap", pcap(version=(2, 3))
    yield "pcap-fcs-bits.pcap", pcap(link_type=0x24000000 | ETHERNET)
    yield "pcap-raw-ip.pcap", pcap(link_type=RAW)
    yield "pcap-linux-sll-big.pcap", pcap(">", link_type=LINUX_SLL)
    yield "pcap-snap-50.pcap", pcap(snap=50, records=[(50, size)] * 2)
    yield "pcap-captured-above-original.pcap", pcap(records=[(size, size - 10), (size, size)])
    yield "pcap-captured-above-snap.pcap", pcap(snap=40)
    yield "pcap-empty.pcap", little[:24]
    yield "pcap-cut-in-record.pcap", little[:-5]
    yield "pcap-cut-in-record-header.pcap", little[:24 + 9]
    yield "pcap-cut-in-file-header.pcap", little[:13]
    yield "pcap-huge-record.pcap", little[:24] + struct.pack("<IIII", 1, 1, 0x7FFFFFFF, 60)
    yield "pcapng-enhanced-little.pcapng", ng
    yield "pcapng-enhanced-big.pcapng", section(">") + interface(">") + enhanced(">")
    yield "pcapng-simple.pcapng", section() + interface() + simple()
    yield "pcapng-obsolete-packet.pcapng", section() + interface() + obsolete()
    yield "pcapng-two-link-types.pcapng", (section() + interface() + interface(link_type=RAW, snap=96)
                                           + enhanced() + enhanced(face=1, link_type=RAW))
    yield "pcapng-two-sections-two-orders.pcapng", ng + section(">") + interface(">") + enhanced(">")
    yield "pcapng-nanos.pcapng", section() + interface(options=resolution(9)) + enhanced(stamp=1700000000 * 10**9)
    yield "pcapng-tsresol-10-19.pcapng", section() + interface(options=resolution(19)) + enhanced(stamp=2**64 - 1)
    yield "pcapng-tsresol-2-63.pcapng", section() + interface(options=resolution(0xBF)) + enhanced(stamp=2**64 - 1)
    yield "pcapng-tsresol-2-10.pcapng", section() + interface(options=resolution(0x8A)) + enhanced(stamp=1700000000 * 1024 + 3)
    yield "pcapng-tsoffset.pcapng", section() + interface(options=resolution(6, -3600)) + enhanced()
    yield "pcapng-tsoffset-hostile.pcapng", section() + interface(options=resolution(0, -2**63)) + enhanced(stamp=2**64 - 1)
    yield "pcapng-options-and-other-blocks.pcapng", (
        section() + block("<", 4, bytes(4)) + interface(options=option("<", 2, b"eth0") + option("<", 0, b""))
        + enhanced(options=option("<", 1, b"hello") + option("<", 0, b"")) + block("<", 5, bytes(12))
        + block("<", 0x0BAD, b"custom"))
    yield "pcapng-cut-in-packet.pcapng", ng[:-9]
    yield "pcapng-cut-in-skipped-block.pcapng", ng + block("<", 0x0BAD, bytes(64))[:-20]
    yield "pcapng-trailer-differs.pcapng", ng[:-4] + bytes.fromhex("10000000")
    yield "pcapng-option-cut.pcapng", section() + interface(options=struct.pack("<HH", 9, 200))
    yield "pcapng-no-interface.pcapng", section() + enhanced()
    yield "gzip-pcap.pcap.gz", gzip(little)
    yield "gzip-two-members.pcap.gz", gzip(little[:50]) + gzip(little[50:])
    yield "gzip-padded.pcap.gz", gzip(little) + bytes(32)
    yield "gzip-cut.pcap.gz", gzip(little)[:-40]
    yield "gzip-bad-checksum.pcap.gz", gzip(little)[:-8] + bytes(8)
    yield "zstd-pcapng.pcapng.zst", zstd(ng)
    yield "zstd-two-frames-and-skippable.pcap.zst", (
        bytes.fromhex("502a4d18 03000000 616263") + zstd(little[:50]) + zstd(little[50:]))
    yield "zstd-cut.pcap.zst", zstd(little)[:-40]
    yield "not-a-capture.txt", b"\n\r\r\nThis is text, and begins as pcapng does.\n"


def main():
    beside = pathlib.Path(__file__).resolve().parent / "seeds" / "capture"
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else beside
    target.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (target / name).write_bytes(data)


if __name__ == "__main__":
    main()
