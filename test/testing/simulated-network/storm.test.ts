/** In a file of its own, because it is the one test here that takes a second or two: it is about that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openUdpChannel, openUdpSocket } from 'bowline/sockets';
import { completed, currentTime, moveOnAfter, openNursery, sleep, withClock } from 'bowline/tasks';
import { MockClock, SimulatedNetwork } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

async function storm(seed: number, minutes: number): Promise<{ entries: readonly object[]; done: number }> {
  return await withClock(new MockClock(), async () => {
    const link = { latencyMs: 40, jitterMs: 30, loss: 0.2, duplicate: 0.05, reorder: 0.1, corrupt: 0.02 };
    const network = new SimulatedNetwork({ seed, link });
    let done = 0;
    const end = minutes * 60_000;
    await openNursery(async (nursery) => {
      const server = await network.host('server').run(() => openUdpSocket({ port: 9 }));
      server.onDatagram((datagram) => server.sendNowait(datagram));
      for (const name of ['a', 'b', 'c']) {
        nursery.startSoon(() =>
          network.host(name).run(async () => {
            const channel = await openUdpChannel('server', 9);
            // A handshake of four flights, each sent again after 1, 2, 4 … s until it is answered.
            for (let handshake = 0; currentTime() < end; handshake++) {
              for (let flight = 0; flight < 4; flight++) {
                const data = bytes(`${name} ${handshake} ${flight}`);
                let isAnswered = false;
                for (let waitMs = 1000; !isAnswered; waitMs *= 2) {
                  await channel.send(data);
                  isAnswered = (await moveOnAfter(waitMs, () => answer(data))) ?? false;
                }
              }
              done++;
              await sleep(60_000);
            }

            async function answer(wanted: Uint8Array): Promise<boolean> {
              for await (const data of channel) if (text(data) === text(wanted)) return true;
              return false;
            }
          }),
        );
      }
    });
    return { entries: network.trace(), done };
  });
}

test('a thousand virtual minutes of a lossy handshake storm take seconds, and are the same twice', async () => {
  const first = await storm(11, 1000);
  assert.ok(first.done > 2000, `${first.done} handshakes`);
  assert.ok(first.entries.length > 50_000, `${first.entries.length} entries`);
  const second = await storm(11, 1000);
  assert.equal(second.done, first.done);
  assert.deepEqual(second.entries, first.entries);
});

test('another seed is another storm', async () => {
  assert.notDeepEqual((await storm(12, 10)).entries, (await storm(13, 10)).entries);
});

test('tasks of one host that send at the same moments send in the same order in every run', async () => {
  const run = async (): Promise<readonly object[]> => {
    return await withClock(new MockClock(), async () => {
      const network = new SimulatedNetwork({ link: { loss: 0.3, jitterMs: 10 } });
      await openNursery(async (nursery) => {
        const server = await network.host('server').run(() => openUdpSocket({ port: 9 }));
        server.onDatagram((datagram) => server.sendNowait(datagram));
        for (let i = 0; i < 20; i++) {
          nursery.startSoon(() =>
            network.host('client').run(async () => {
              const channel = await openUdpChannel('server', 9, { localPort: 100 + i });
              for (let round = 0; round < 40; round++) {
                await channel.send(bytes(`${i} ${round}`));
                await sleep(100);
              }
            }),
          );
        }
      });
      return network.trace();
    });
  };
  const first = await run();
  for (const completions of [1, 100, 300]) {
    for (let i = 0; i < completions; i++) await completed(undefined);
    assert.deepEqual(await run(), first);
  }
});
