# SPDX-License-Identifier: Apache-2.0
"""
Calls by grpcio, on one connection. Arguments: port, and a CA's file or "-"; the
calls are on stdin as JSON: [[kind, method, request, times, {timeout, cancel_ms}], ...], where kind is
unary, stream (of responses), upload or chat (with `request` requests). Prints
what the calls ended with, as JSON: {"CODE METHOD": times}.
"""
import json
import sys
import threading
from collections import Counter

import grpc

PORT, CA = sys.argv[1:]
OPTIONS = [("grpc.ssl_target_name_override", "good.test"), ("grpc.use_local_subchannel_pool", 1)]


def channel():
    address = f"127.0.0.1:{PORT}"
    if CA == "-":
        return grpc.insecure_channel(address, OPTIONS)
    with open(CA, "rb") as ca:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read()), OPTIONS)


def call(to, kind, method, request, timeout=30, cancel_ms=0):
    """The status that the call ended with."""
    requests = iter([b"r" * 100] * int(request)) if kind in ("upload", "chat") else None
    data = str(request).encode()
    cancel = None
    try:
        if kind == "unary":
            flying = to.unary_unary(method).future(data, timeout=timeout)
        elif kind == "upload":
            flying = to.stream_unary(method).future(requests, timeout=timeout)
        elif kind == "stream":
            flying = to.unary_stream(method)(data, timeout=timeout)
        else:
            flying = to.stream_stream(method)(requests, timeout=timeout)
        if cancel_ms:
            cancel = threading.Timer(cancel_ms / 1000, flying.cancel)
            cancel.start()
        if kind in ("unary", "upload"):
            flying.result()
        else:
            for _ in flying:
                pass
        return flying.code().name
    except grpc.FutureCancelledError:
        return "CANCELLED"
    except grpc.RpcError as e:
        return e.code().name
    finally:
        if cancel:
            cancel.join()


def main():
    out = Counter()
    with channel() as to:
        grpc.channel_ready_future(to).result(20)
        for kind, method, request, times, *more in json.load(sys.stdin):
            for _ in range(times):
                out[f"{call(to, kind, method, request, **(more[0] if more else {}))} {method}"] += 1
    print(json.dumps(out))


main()
