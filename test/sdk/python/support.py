"""What both suites need: where the gateway is, how its simulator is told to misbehave, and what a picture measures."""

import base64
import json
import os
import struct
import urllib.request

URL = os.environ["PLANTAIN_URL"]
SIMULATOR = os.environ["PLANTAIN_SIMULATOR_URL"]
KEY = os.environ["PLANTAIN_KEY"]
POOR_KEY = os.environ["PLANTAIN_POOR_KEY"]
FLASH_KEY = os.environ["PLANTAIN_FLASH_KEY"]

FLASH = "gemini-3.1-flash-image"
PRO = "gemini-3-pro-image"

# The smallest of PNGs, with bytes that the two alphabets of base64 spell differently.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAACXBIWXMAAAPoAAAD6AG1e1Jr"
    "AAAADElEQVQImWP4/X4fAAWRAqmFnsBJAAAAAElFTkSuQmCC"
)


def _simulator(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SIMULATOR + path, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def misbehave(fault, **rule):
    """From now on the vendor shows this fault; see src/simulator/faults."""
    _simulator("POST", "/simulator/rules", {"fault": fault, **rule})


def behave():
    _simulator("DELETE", "/simulator/rules")


def upstream_calls():
    return _simulator("GET", "/simulator/calls")["count"]


def size_of(picture):
    """`1376x768`, read from the bytes of a PNG or a JPEG."""
    if picture.startswith(b"\x89PNG\r\n\x1a\n"):
        return "%dx%d" % struct.unpack(">II", picture[16:24])
    if not picture.startswith(b"\xff\xd8"):
        raise AssertionError(f"neither PNG nor JPEG: {picture[:8]!r}")
    at = 2
    while picture[at + 1] not in range(0xC0, 0xC4):
        at += 2 + int.from_bytes(picture[at + 2 : at + 4], "big")
    height, width = struct.unpack(">HH", picture[at + 5 : at + 9])
    return f"{width}x{height}"
