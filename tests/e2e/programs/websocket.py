# SPDX-License-Identifier: Apache-2.0
"""RFC 6455 by hand, for both sides: frames as told, and a reader that counts."""
import base64
import hashlib
import os
import struct

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, mask=None, longer=0):
    """mask: 4 bytes, by a client. longer: 2 or 8 bytes of length even where less would do."""
    first = bytes([opcode | (0x80 if fin else 0)])
    flag = 0x80 if mask is not None else 0
    size = len(payload)
    if size > 65535 or longer == 8:
        length = bytes([flag | 127]) + struct.pack(">Q", size)
    elif size > 125 or longer == 2:
        length = bytes([flag | 126]) + struct.pack(">H", size)
    else:
        length = bytes([flag | size])
    if mask is None:
        return first + length + payload
    repeated = mask * (size // 4 + 1)
    coded = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:size], "big")).to_bytes(size, "big")
    return first + length + mask + coded


def message(payload, pieces=1, opcode=BINARY, masked=False, between=b""):
    """A message in so many frames; `between` goes between them, as pings may."""
    size = max(1, -(-len(payload) // pieces))
    parts = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
    parts += [b""] * (pieces - len(parts))
    out = []
    for i, part in enumerate(parts):
        mask = os.urandom(4) if masked else None
        out.append(frame(CONTINUED if i else opcode, part, i == len(parts) - 1, mask))
    return between.join(out)


def accept(key):
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


class Reader:
    """Cuts a stream into frames, and counts messages: those of data, when they are complete."""

    def __init__(self):
        self.pending = bytearray()
        self.messages = 0
        self.bytes = 0
        self.parts = []

    def feed(self, data):
        """[(opcode, payload)] of the messages and control frames that are complete."""
        self.bytes += len(data)
        self.pending += data
        out = []
        while True:
            have = self._frame()
            if have is None:
                return out
            opcode, fin, payload = have
            if opcode >= CLOSE:
                out.append((opcode, payload))
                continue
            self.parts.append(payload)
            if opcode != CONTINUED:
                self.opcode = opcode
            if fin:
                out.append((self.opcode, b"".join(self.parts)))
                self.messages += 1
                self.parts = []

    def _frame(self):
        have = self.pending
        if len(have) < 2:
            return None
        size, at = have[1] & 127, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(have) < 2 + width:
                return None
            size, at = int.from_bytes(have[2 : 2 + width], "big"), 2 + width
        masked = have[1] & 0x80
        end = at + (4 if masked else 0) + size
        if len(have) < end:
            return None
        payload = bytes(have[end - size : end])
        if masked:
            repeated = bytes(have[at : at + 4]) * (size // 4 + 1)
            payload = int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:size], "big")
            payload = payload.to_bytes(size, "big")
        opcode, fin = have[0] & 15, bool(have[0] & 0x80)
        del self.pending[:end]
        return opcode, fin, payload
