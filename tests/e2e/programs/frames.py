# SPDX-License-Identifier: Apache-2.0
"""
HTTP/2 frames (RFC 9113) and header blocks (RFC 7541) by hand, so that a test
says which representation goes out. Decoding is python3-hpack's, which nobody
here wrote.
"""
import random
import struct

from hpack import Decoder
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 0x20
SETTING_TABLE, SETTING_PUSH, SETTING_STREAMS, SETTING_WINDOW, SETTING_FRAME = 1, 2, 3, 4, 5
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL = 0, 1, 2, 7, 8
DEFAULT_WINDOW = 65535

# First octet and prefix bits of the representations of RFC 7541, section 6.
INCREMENTAL, WITHOUT, NEVER = (0x40, 6), (0x00, 4), (0x10, 4)

_huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def frame(kind, flags=0, stream=0, payload=b""):
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream)
    return head + payload


def settings(pairs=()):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last, code=NO_ERROR, debug=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def header_frames(stream, block, end=False, pieces=1, pad=None, priority=False, kind=HEADERS, before=b""):
    """A header block as HEADERS (or PUSH_PROMISE, whose promised stream is `before`) and CONTINUATION."""
    size = max(1, -(-len(block) // pieces))
    parts = [block[i : i + size] for i in range(0, len(block), size)] or [b""]
    first, flags = before + parts[0], END_STREAM if end else 0
    if priority:
        first, flags = struct.pack(">IB", 0, 15) + first, flags | WITH_PRIORITY
    if pad is not None:
        first, flags = bytes([pad]) + first + bytes(pad), flags | PADDED
    if len(parts) == 1:
        return frame(kind, flags | END_HEADERS, stream, first)
    out = [frame(kind, flags, stream, first)]
    out += [frame(CONTINUATION, 0, stream, part) for part in parts[1:-1]]
    return b"".join(out) + frame(CONTINUATION, END_HEADERS, stream, parts[-1])


def data_frame(stream, data, end=False, pad=None):
    flags = END_STREAM if end else 0
    if pad is not None:
        return frame(DATA, flags | PADDED, stream, bytes([pad]) + data + bytes(pad))
    return frame(DATA, flags, stream, data)


def unpadded(kind, flags, payload):
    """The payload without padding and priority, and without a promised stream."""
    if flags & PADDED and kind in (DATA, HEADERS, PUSH_PROMISE):
        payload = payload[1 : len(payload) - payload[0]]
    if kind == HEADERS and flags & WITH_PRIORITY:
        payload = payload[5:]
    return payload


def integer(value, first, bits):
    """RFC 7541, 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def string(text, huffman):
    data = text.encode()
    if huffman:
        data = _huffman.encode(data)
    return integer(len(data), 0x80 if huffman else 0, 7) + data


class Encoder:
    """
    Header blocks in representations chosen by a seed: indexed or literal, with
    and without indexing, names by index or not, Huffman or not, now and then
    another size of the dynamic table. seed None: what common encoders do, that
    is indexed where possible, else incremental with Huffman.
    """

    def __init__(self, seed=None):
        self.table = HeaderTable()
        self.random = random.Random(seed) if seed is not None else None
        self.sizes = False
        self.limit = 4096
        self.want = None  # a size that the next block begins with

    def resize(self, size):
        """The bytes that announce another table size; they must begin a block."""
        self.table.maxsize = size
        return integer(size, 0x20, 5)

    def block(self, headers):
        out = []
        if self.want is not None:
            out.append(self.resize(self.want))
            self.limit, self.want = self.want, None
        elif self.random and self.sizes and self.random.random() < 0.05:
            out += [self.resize(0), self.resize(min(self.limit, self.random.choice((100, 1000, 4096))))]
        out += [self.field(name, str(value)) for name, value in headers]
        return b"".join(out)

    def field(self, name, value):
        found = self.table.search(name.encode(), value.encode())
        if found and found[2] is not None and (not self.random or self.random.random() < 0.6):
            return integer(found[0], 0x80, 7)
        how, huffman, by_index = INCREMENTAL, True, True
        if self.random:
            how = self.random.choice((INCREMENTAL, INCREMENTAL, WITHOUT, NEVER))
            huffman, by_index = self.random.random() < 0.5, self.random.random() < 0.8
        return self.literal(name, value, how, huffman, found[0] if found and by_index else 0, huffman)

    def literal(self, name, value, how=WITHOUT, huffman=False, name_index=0, huffman_name=False):
        out = integer(name_index, *how)
        if not name_index:
            out += string(name, huffman_name)
        if how == INCREMENTAL:
            self.table.add(name.encode(), value.encode())
        return out + string(value, huffman)


class Reader:
    """Cuts a stream into frames, and decodes header blocks, wherever the stream is cut."""

    def __init__(self):
        self.bytes = b""
        self.decoder = Decoder()
        self.block = None  # kind, flags, stream, what has come of it

    def feed(self, data):
        """
        [(kind, flags, stream, payload)] of the frames that are complete. The payload of
        HEADERS and PUSH_PROMISE is their list of fields, given once the block ends.
        """
        self.bytes += data
        out, at = [], 0
        while len(self.bytes) - at >= 9:
            size = int.from_bytes(self.bytes[at : at + 3], "big")
            if len(self.bytes) - at < 9 + size:
                break
            kind, flags = self.bytes[at + 3], self.bytes[at + 4]
            stream = int.from_bytes(self.bytes[at + 5 : at + 9], "big") & 0x7FFFFFFF
            payload = unpadded(kind, flags, self.bytes[at + 9 : at + 9 + size])
            at += 9 + size
            if kind in (HEADERS, PUSH_PROMISE):
                if kind == PUSH_PROMISE:
                    stream, payload = int.from_bytes(payload[:4], "big"), payload[4:]
                self.block = (kind, flags, stream, b"")
            if kind in (HEADERS, PUSH_PROMISE, CONTINUATION):
                first, first_flags, stream, have = self.block
                self.block = (first, first_flags, stream, have + payload)
                if flags & END_HEADERS:
                    out.append((first, first_flags, stream, self.decoder.decode(have + payload)))
                    self.block = None
                continue
            out.append((kind, flags, stream, payload))
        self.bytes = self.bytes[at:]
        return out
