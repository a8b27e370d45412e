/** A SOCKS5 and an HTTP proxy of a few lines, that really connect, and note whom to. */
import net from 'node:net';
import type { TestContext } from 'node:test';

export interface SmallProxy {
  readonly port: number;
  /** What it was asked for, as `host:port`, and the credentials it was shown in front. */
  readonly asked: string[];
}

type Understand = (
  bytes: Buffer,
  socket: net.Socket,
) => { host: string; port: number; who: string; yes: Buffer } | null;

/** SOCKS5 with a user name and password: whatever is shown is accepted. */
export function smallSocksProxy(t: TestContext): Promise<SmallProxy> {
  const users = new WeakMap<net.Socket, string>();
  const stages = new WeakMap<net.Socket, number>();
  return smallProxy(t, (bytes, socket) => {
    const stage = stages.get(socket) ?? 0;
    stages.set(socket, stage + 1);
    if (stage === 0) {
      const takesPassword = bytes.subarray(2).includes(2);
      if (!takesPassword) stages.set(socket, 2);
      socket.write(Buffer.of(5, takesPassword ? 2 : 0));
      return null;
    }
    if (stage === 1 && bytes[0] === 1) {
      const length = bytes[1] ?? 0;
      users.set(socket, `${bytes.toString('latin1', 2, 2 + length)}:${bytes.toString('latin1', 3 + length)}`);
      socket.write(Buffer.of(1, 0));
      return null;
    }
    const isName = bytes[3] === 3;
    const length = isName ? (bytes[4] ?? 0) : 4;
    const start = isName ? 5 : 4;
    const host = isName ? bytes.toString('latin1', start, start + length) : [...bytes.subarray(4, 8)].join('.');
    const yes = Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0);
    return { host, port: bytes.readUInt16BE(start + length), who: users.get(socket) ?? '', yes };
  });
}

/** HTTP CONNECT. */
export function smallHttpProxy(t: TestContext): Promise<SmallProxy> {
  return smallProxy(t, (bytes) => {
    const head = bytes.toString('latin1');
    const [, host = '', port = ''] = /^CONNECT ([^ :]+):(\d+) /.exec(head) ?? [];
    const basic = /^proxy-authorization: Basic (.*)\r$/im.exec(head)?.[1] ?? '';
    const who = Buffer.from(basic, 'base64').toString();
    return { host, port: Number(port), who, yes: Buffer.from('HTTP/1.1 200 OK\r\n\r\n') };
  });
}

async function smallProxy(t: TestContext, understand: Understand): Promise<SmallProxy> {
  const asked: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    const onData = (bytes: Buffer): void => {
      const request = understand(bytes, client);
      if (request === null) return;
      client.off('data', onData);
      const { host, port, who, yes } = request;
      asked.push(`${who === '' ? '' : `${who}@`}${host}:${port}`);
      const onward = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
        client.write(yes);
        client.pipe(onward).pipe(client);
      });
      sockets.add(onward);
      onward.on('error', () => client.destroy());
    };
    client.on('data', onData);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, asked };
}
