"""uvloop: asyncio's callback protocols on libuv, the same event loop library as Node's, driven from C.

Usage: python3 uvloop_server.py http|echo|source|sink BYTES     prints {"port":N} when it listens
"""

import asyncio
import json
import sys

import uvloop

KIND, BYTES = sys.argv[1], int(sys.argv[2])
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"
PIECE = bytes(65536)


class Server(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.paused = False
        self.left = BYTES
        if KIND == "source":
            self.pump()

    def data_received(self, data: bytes) -> None:
        if KIND == "http":
            self.transport.write(RESPONSE)
        elif KIND == "echo":
            self.transport.write(data)

    def pump(self) -> None:
        while self.left > 0 and not self.paused:
            self.left -= len(PIECE)
            self.transport.write(PIECE)
        if self.left <= 0:
            self.transport.close()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if KIND == "source":
            self.pump()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


uvloop.install()
asyncio.run(main())
