"""The Python client against the vectors of the protocol. Call: vectors.py corpus/vectors/query.txt"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import toa_client


def endpoint(text):
    if text == "-":
        return None
    if text.startswith("["):
        address, _, port = text[1:].partition("]:")
    elif text.count(":") == 1:
        address, port = text.split(":")
    else:
        address, port = text, ""
    return address, int(port) if port else None


n = failed = 0
for line in open(sys.argv[1], encoding="utf-8"):
    if line.startswith("#") or not line.strip():
        continue
    name, direction, result, data, *fields = line.split()
    fields = dict(field.split("=", 1) for field in fields)
    data = b"" if data == "-" else bytes.fromhex(data)
    if direction == "query" and (result != "found" or fields["version"] != "2"):
        continue  # a service reads those; and this client does not speak version 1
    if direction == "query":
        got = toa_client.encode(int(fields["id"]), endpoint(fields["fake"]), endpoint(fields["server"]), int(fields["wait"]))
        wanted = data
    else:
        try:
            got = toa_client.decode(data)
        except toa_client.Malformed:
            got = "malformed"
        except toa_client.Foreign:
            got = "foreign"
        wanted = result
        if len(data) == 11:
            wanted = "foreign"  # version 1
        elif result == "found":
            wanted = {
                "id": int(fields["id"]),
                "word": fields["word"],
                "ambiguous": fields["ambiguous"] == "1",
                "free": int(fields["free"]),
                "kind": int(fields["kind"]),
                "carrier": None if fields["carrier"] == "-" else fields["carrier"],
                "client": endpoint(fields["client"]),
                "vip": endpoint(fields["vip"]),
                "server": endpoint(fields["server"]),
                "age": int(fields["age"]),
            }
    n += 1
    if got != wanted:
        failed += 1
        print(f"FAILED: {name}: wanted {wanted}, got {got}")
print(f"{n - failed} of {n} vectors")
sys.exit(failed != 0 or n < 50)
