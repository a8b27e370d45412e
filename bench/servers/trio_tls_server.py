"""Trio's SSLStream: the TLS that bowline's is modelled on, strict as it is by default.

Usage: python3 trio_tls_server.py echo|source|sink BYTES CERT KEY     prints {"port":N} when it listens
"""

import json
import ssl
import sys

import trio

KIND, BYTES, CERT, KEY = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
PIECE = bytes(65536)


async def handle(stream: trio.SSLStream) -> None:
    try:
        if KIND == "source":
            for _ in range(BYTES // len(PIECE)):
                await stream.send_all(PIECE)
            await stream.aclose()
            return
        while chunk := await stream.receive_some(65536):
            if KIND == "echo":
                await stream.send_all(chunk)
        await stream.aclose()
    except trio.BrokenResourceError:
        pass  # The generator closes its connections without ceremony.


async def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERT, KEY)
    listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1", backlog=4096)
    print(json.dumps({"port": listeners[0].transport_listener.socket.getsockname()[1]}), flush=True)
    await trio.serve_listeners(handle, listeners)


trio.run(main)
