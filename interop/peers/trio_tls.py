"""Trio's SSLStream as a peer, in either role.

Usage: trio_tls.py server|client strict|https VERSION CA CERT KEY [PORT]

server  prints its port; echoes each connection, and says on stdout how it ended: "clean" or "broken"
client  sends 1 MiB and close_notify, reads the echo, and says "clean BYTES" or "broken"
"""

import ssl
import sys

import trio

ROLE, MODE, VERSION, CA, CERT, KEY = sys.argv[1:7]
HTTPS = MODE == "https"


def limited(context: ssl.SSLContext) -> ssl.SSLContext:
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[VERSION]
    context.minimum_version = context.maximum_version = version
    # Debian's Python sets it, and with it OpenSSL passes a truncation off as an end.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


async def serve() -> None:
    context = limited(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    context.load_cert_chain(CERT, KEY)

    async def handle(stream: trio.SSLStream) -> None:
        try:
            while chunk := await stream.receive_some(65536):
                await stream.send_all(chunk)
            await stream.aclose()
            print("clean", flush=True)
        except trio.BrokenResourceError:
            print("broken", flush=True)

    listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1", https_compatible=HTTPS)
    print(listeners[0].transport_listener.socket.getsockname()[1], flush=True)
    await trio.serve_listeners(handle, listeners)


async def connect() -> None:
    context = limited(ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=CA))
    payload = bytes(range(256)) * 4096
    received = 0
    tcp = await trio.open_tcp_stream("127.0.0.1", int(sys.argv[7]))
    stream = trio.SSLStream(tcp, context, server_hostname="server.test", https_compatible=HTTPS)

    async def read() -> None:
        nonlocal received
        while received < len(payload):
            chunk = await stream.receive_some(65536)
            if not chunk:
                break
            received += len(chunk)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await stream.send_all(payload)
        if HTTPS:
            await stream.aclose()
        else:
            transport, trailing = await stream.unwrap()
            assert trailing == b"", trailing
            await transport.aclose()
        print("clean", received, flush=True)
    except trio.BrokenResourceError as error:
        print("broken", repr(error.__cause__), flush=True)


trio.run(serve if ROLE == "server" else connect)
