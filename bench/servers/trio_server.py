"""Trio: the pull API bowline's is modelled on, one task per connection.

Usage: python3 trio_server.py http|echo|source|sink BYTES     prints {"port":N} when it listens
"""

import json
import sys

import trio

KIND, BYTES = sys.argv[1], int(sys.argv[2])
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"
PIECE = bytes(65536)


async def handle(stream: trio.SocketStream) -> None:
    if KIND == "source":
        for _ in range(BYTES // len(PIECE)):
            await stream.send_all(PIECE)
        return
    while chunk := await stream.receive_some(65536):
        if KIND == "http":
            await stream.send_all(RESPONSE)
        elif KIND == "echo":
            await stream.send_all(chunk)


async def main() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    print(json.dumps({"port": listeners[0].socket.getsockname()[1]}), flush=True)
    await trio.serve_listeners(handle, listeners)


trio.run(main)
