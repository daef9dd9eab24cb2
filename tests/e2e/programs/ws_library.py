# SPDX-License-Identifier: Apache-2.0
"""
The distribution's websockets library. `serve`: gives each message back, on PORT, and writes
`101 GET` per connection and `ENDED IN OUT` when it is over into ACCESS_LOG. `client PORT COUNT`:
sends so many messages of many sizes, compressed or not, and prints how many came back.
"""
import asyncio
import os
import sys

import websockets


async def serve():
    log = open(os.environ["ACCESS_LOG"], "a", buffering=1)

    async def echo(connection, *_):
        log.write("101 GET\n")
        count = 0
        try:
            async for message in connection:
                await connection.send(message)
                count += 1
        except websockets.ConnectionClosed:
            pass
        log.write(f"ENDED {count} {count} 0 0 0\n")

    async with websockets.serve(echo, "127.0.0.1", int(os.environ["PORT"]), max_size=None):
        await asyncio.Future()


async def client(port, count):
    back = 0
    for compression in ("deflate", None):
        async with websockets.connect(
            f"ws://127.0.0.1:{port}/", compression=compression, max_size=None
        ) as connection:
            for i in range(count):
                size = (0, 1, 125, 126, 1000, 65535, 65536, 100000)[i % 8]
                message = os.urandom(size) if i % 2 else "t" * size
                if i % 5 == 0:
                    await connection.send([message[: size // 2], message[size // 2 :]])  # in fragments
                else:
                    await connection.send(message)
                assert await connection.recv() == message
                back += 1
                await (await connection.ping())
    print(back)


if sys.argv[1] == "serve":
    asyncio.run(serve())
else:
    asyncio.run(client(int(sys.argv[2]), int(sys.argv[3])))
