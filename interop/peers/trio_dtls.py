"""Trio's DTLSEndpoint as a peer, in either role.

Usage: trio_dtls.py server|client CA CERT KEY [PORT]

Both sides show a certificate, and demand one of the authority of CA. ALPN is not asked for.

server  prints its port; echoes each message, and says on stdout how each association ended: "ended" or "broken"
client  sends 100 messages, awaits each one's echo, and says "echoed 100 MTU"
"""

import sys

import trio
from OpenSSL import SSL

ROLE, CA, CERT, KEY = sys.argv[1:5]


def make_context() -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate_file(CERT)
    context.use_privatekey_file(KEY)
    context.load_verify_locations(CA)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda connection, cert, error, depth, ok: ok)
    return context


async def serve(endpoint: trio.DTLSEndpoint) -> None:
    async def handle(channel: trio.DTLSChannel) -> None:
        try:
            async for message in channel:
                await channel.send(message)
            print("ended", flush=True)
        except SSL.ZeroReturnError:
            # What this Trio makes of the peer's close_notify.
            print("ended", flush=True)
        except trio.BrokenResourceError:
            print("broken", flush=True)

    await endpoint.socket.bind(("127.0.0.1", 0))
    print(endpoint.socket.getsockname()[1], flush=True)
    async with trio.open_nursery() as nursery:
        await nursery.start(endpoint.serve, make_context(), handle)


async def connect(endpoint: trio.DTLSEndpoint) -> None:
    channel = endpoint.connect(("127.0.0.1", int(sys.argv[5])), make_context())
    await channel.do_handshake()
    for i in range(100):
        await channel.send(b"%d" % i * 100)
        assert await channel.receive() == b"%d" % i * 100
    mtu = channel.get_cleartext_mtu()
    print("echoed 100", mtu, flush=True)


async def main() -> None:
    with trio.fail_after(10):
        with trio.DTLSEndpoint(trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)) as endpoint:
            await (serve if ROLE == "server" else connect)(endpoint)


trio.run(main)
