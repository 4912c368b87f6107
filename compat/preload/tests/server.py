"""An ordinary server, which knows of no TOA. Call: server.py IP PORT

It answers every request with the peers that accept() and getpeername() gave, and, as one that does know,
with the fake one: by the library's function, if it is loaded, and by the system call.
"""
import ctypes
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
SYS_getpeername = 52  # on x86-64


def from_bytes(room):
    family, port = struct.unpack("=H", room[:2])[0], struct.unpack("!H", room[2:4])[0]
    at = room[4:8] if family == socket.AF_INET else room[8:24]
    return f"{socket.inet_ntop(family, at)} {port}"


def fake_of(fd, call):
    room = ctypes.create_string_buffer(128)
    length = ctypes.c_uint(128)
    if call(fd, room, ctypes.byref(length)) != 0:
        return "error"
    return from_bytes(room.raw)


def answer(connection, client):
    peer = connection.dup().getpeername()
    text = f"client={client[0]} {client[1]}\npeer={peer[0]} {peer[1]}\n"
    text += f"raw={fake_of(connection.fileno(), lambda *a: libc.syscall(SYS_getpeername, *a))}\n"
    if hasattr(libc, "toa_preload_fake_peer"):
        text += f"fake={fake_of(connection.fileno(), libc.toa_preload_fake_peer)}\n"
    connection.recv(1000)
    connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{text}".encode())


listener = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if ":" in sys.argv[1]:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen(128)
while True:
    connection, client = listener.accept()
    with connection:
        try:
            answer(connection, client)
        except OSError:
            pass  # the client has gone
