/** socat, nc and node:dgram as peers over UDP, for bowline's sockets, its udp: addresses and its multicast. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';

import { DatagramError } from 'bowline/core';
import { listen } from 'bowline/endpoints';
import { openProcess, openUdpChannel, openUdpSocket, runProcess, serveListeners } from 'bowline/sockets';
import { moveOnAfter, openNursery } from 'bowline/tasks';

import { eventually, findProgram, freePort } from '../programs.mjs';

const QUESTION = Buffer.from('does it arrive whole?');

/** Opens, uses, closes. */
async function withOpen(opening, body) {
  const resource = await opening;
  try {
    await body(resource);
  } finally {
    await resource.close();
  }
}

/** A process that answers, until the body is done. */
async function withServer(program, args, body) {
  const server = await openProcess(findProgram(program), args, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' });
  try {
    await body();
  } finally {
    server.terminate();
    await server.close();
  }
}

/** Asks again until there is an answer: the server may not be there yet, and UDP may lose it. */
async function ask(channel, data) {
  return await eventually(async () => {
    await channel.send(data);
    const answer = await moveOnAfter(200, () => channel.receive());
    if (answer === undefined) throw new Error('no answer');
    return answer;
  });
}

/** A program that sends one datagram and shows what comes back. */
async function asked(program, args) {
  const { stdout } = await runProcess(findProgram(program), args, { input: QUESTION, captureStdout: true });
  assert.ok(QUESTION.equals(Buffer.from(stdout)), `it got ${stdout.length} bytes instead of ${QUESTION.length}`);
}

async function withEcho(body) {
  await withOpen(openUdpSocket({ host: '127.0.0.1' }), async (socket) => {
    socket.onDatagram((datagram) => socket.sendNowait(datagram));
    await body(socket.address.port);
  });
}

export default [
  {
    name: 'socat echoes datagrams, small and large, to a channel and to a socket',
    needs: ['socat'],
    run: async () => {
      const port = await freePort();
      await withServer('socat', ['-b', '65507', `UDP4-RECVFROM:${port},bind=127.0.0.1,fork`, 'PIPE'], async () => {
        await withOpen(openUdpChannel('127.0.0.1', port), async (channel) => {
          for (const size of [1, 1200, 8192]) {
            const data = Buffer.alloc(size, 'socat ');
            assert.ok(data.equals(await ask(channel, data)));
          }
        });
        await withOpen(openUdpSocket(), async (socket) => {
          await socket.send({ data: QUESTION, address: { host: '127.0.0.1', port } });
          const { data, address } = await socket.receive();
          assert.ok(QUESTION.equals(data));
          assert.deepEqual(address, { family: 4, host: '127.0.0.1', port });
        });
      });
    },
  },
  {
    name: 'socat and nc are answered by a UdpSocket',
    needs: ['socat', 'nc'],
    run: () =>
      withEcho(async (port) => {
        await asked('socat', ['-t', '1', '-', `UDP4:127.0.0.1:${port}`]);
        await asked('nc', ['-u', '-w', '1', '127.0.0.1', String(port)]);
      }),
  },
  {
    name: 'socat asks over IPv6 a socket for both families',
    needs: ['socat'],
    run: () =>
      withOpen(openUdpSocket(), async (socket) => {
        socket.onDatagram((datagram) => socket.sendNowait(datagram));
        for (const target of ['UDP6:[::1]', 'UDP4:127.0.0.1']) {
          await asked('socat', ['-t', '1', '-', `${target}:${socket.address.port}`]);
        }
      }),
  },
  {
    name: 'socat and nc are connections of a udp: address',
    needs: ['socat', 'nc'],
    run: async () => {
      const listeners = await listen('udp:127.0.0.1:0?idleMs=3000');
      const { port } = listeners[0].address;
      await openNursery(async (nursery) => {
        nursery.startSoon(() =>
          serveListeners(async (stream) => {
            for await (const chunk of stream) await stream.sendAll(chunk);
          }, listeners),
        );
        await asked('socat', ['-t', '1', '-', `UDP4:127.0.0.1:${port}`]);
        await asked('nc', ['-u', '-w', '1', '127.0.0.1', String(port)]);
        nursery.cancelScope.cancel();
      });
    },
  },
  {
    name: 'a channel hears that socat has gone',
    needs: ['socat'],
    run: async () => {
      const port = await freePort();
      await withOpen(openUdpChannel('127.0.0.1', port), async (channel) => {
        await withServer('socat', [`UDP4-RECVFROM:${port},bind=127.0.0.1,fork`, 'PIPE'], async () => {
          await ask(channel, QUESTION);
        });
        await channel.send(QUESTION);
        await assert.rejects(
          channel.receive(),
          (error) => error instanceof DatagramError && error.reason === 'refused',
        );
      });
    },
  },
  {
    name: 'node:dgram and bowline are in one group',
    run: async () => {
      const group = '239.255.17.17';
      const theirs = createSocket({ type: 'udp4', reuseAddr: true });
      await new Promise((resolve) => theirs.bind(0, '0.0.0.0', () => resolve(undefined)));
      const { port } = theirs.address();
      theirs.addMembership(group, '127.0.0.1');
      await withOpen(openUdpSocket({ host: '0.0.0.0', port, reuseAddress: true }), async (ours) => {
        ours.joinGroup(group, { interface: '127.0.0.1' });
        ours.setMulticastInterface('127.0.0.1');
        const heard = new Promise((resolve) => theirs.once('message', resolve));
        await ours.send({ data: QUESTION, address: { host: group, port } });
        assert.ok(QUESTION.equals(await heard));
        assert.ok(QUESTION.equals((await ours.receive()).data));
      });
      theirs.close();
    },
  },
];
