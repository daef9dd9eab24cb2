# SPDX-License-Identifier: Apache-2.0
"""
A gRPC server by the distribution's grpcio, with methods that take and give bytes:
  /test.Echo/Code    the status whose number is the request (0: a response)
  /test.Echo/Slow    answers after as many ms as the request says
  /test.Echo/Late    DEADLINE_EXCEEDED after as many ms as the request says
  /test.Echo/Hang    never answers
  /test.Echo/Stream  as many responses as the request says, 10 ms apart; a negative number: then NOT_FOUND
  /test.Echo/Endless responses without end, 10 ms apart
  /test.Echo/Upload  how many requests there were
  /test.Echo/Chat    each request again
  /test.Many/*       a response
Any other is UNIMPLEMENTED. CERT and KEY: over TLS. Writes `CODE METHOD SECONDS`
per call into ACCESS_LOG; CODE is GONE when the client did not wait for the end.
"""
import os
import threading
import time
from concurrent import futures

import grpc

LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)
CODES = {code.value[0]: code for code in grpc.StatusCode}


def log(code, method, started):
    LOG.write(f"{code} {method} {time.monotonic() - started:.6f}\n")


class Aborted(Exception):
    """Ends a handler with a status."""


def code(request, context):
    number = int(request)
    if number:
        raise Aborted(CODES[number])
    return b"fine"


def slow(request, context):
    time.sleep(int(request) / 1000)
    return b"late"


def late(request, context):
    time.sleep(int(request) / 1000)
    raise Aborted(grpc.StatusCode.DEADLINE_EXCEEDED)


def hang(request, context):
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait()
    return b"nobody waits"


def stream(request, context):
    count = int(request)
    for i in range(abs(count)):
        time.sleep(0.01 if i else 0)
        yield b"s" * 1000
    if count < 0:
        raise Aborted(grpc.StatusCode.NOT_FOUND)


def endless(request, context):
    while context.is_active():
        yield b"e"
        time.sleep(0.01)


def upload(requests, context):
    return b"%d" % sum(1 for _ in requests)


def chat(requests, context):
    yield from requests


def one(method, function):
    """A handler with a single response, with its record."""

    def handle(request, context):
        started = time.monotonic()
        try:
            answer = function(request, context)
        except Aborted as e:
            log(e.args[0].name, method, started)
            context.abort(e.args[0], "as told")
        log("OK" if context.is_active() else "GONE", method, started)
        return answer

    return handle


def many(method, function):
    """A handler with a stream of responses, with its record."""

    def handle(request, context):
        started = time.monotonic()
        try:
            for answer in function(request, context):
                if not context.is_active():
                    break
                yield answer
        except Aborted as e:
            log(e.args[0].name, method, started)
            context.abort(e.args[0], "as told")
        except GeneratorExit:
            pass
        log("OK" if context.is_active() else "GONE", method, started)

    return handle


HANDLERS = {
    "/test.Echo/Code": (grpc.unary_unary_rpc_method_handler, one, code),
    "/test.Echo/Slow": (grpc.unary_unary_rpc_method_handler, one, slow),
    "/test.Echo/Late": (grpc.unary_unary_rpc_method_handler, one, late),
    "/test.Echo/Hang": (grpc.unary_unary_rpc_method_handler, one, hang),
    "/test.Echo/Stream": (grpc.unary_stream_rpc_method_handler, many, stream),
    "/test.Echo/Endless": (grpc.unary_stream_rpc_method_handler, many, endless),
    "/test.Echo/Upload": (grpc.stream_unary_rpc_method_handler, one, upload),
    "/test.Echo/Chat": (grpc.stream_stream_rpc_method_handler, many, chat),
}


class Services(grpc.GenericRpcHandler):
    def service(self, details):
        method = details.method
        if method.startswith("/test.Many/"):
            return grpc.unary_unary_rpc_method_handler(one(method, lambda request, context: b"many"))
        if method not in HANDLERS:
            log("UNIMPLEMENTED", method, time.monotonic())
            return None
        make, wrap, function = HANDLERS[method]
        return make(wrap(method, function))


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Services(),))
    address = f"127.0.0.1:{os.environ['PORT']}"
    if "CERT" in os.environ:
        pair = tuple(open(os.environ[name], "rb").read() for name in ("KEY", "CERT"))
        server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


main()
