// The three kinds of time limit, on a server that says "tick" twice and then nothing.
import {
  failAfter,
  moveOnAfter,
  openNursery,
  openTcpListeners,
  openTcpStream,
  serveListeners,
  sleepForever,
} from 'bowline';
import { CancelScope, currentTime, TooSlowError } from 'bowline';
import type { Stream } from 'bowline';

async function tickTwice(stream: Stream): Promise<void> {
  for (let i = 0; i < 2; i++) await stream.sendAll(new TextEncoder().encode('tick\n'));
  await sleepForever();
}

await openNursery(async (nursery) => {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  if (listener === undefined || listener.address.family === 'unix') throw new Error('no listener');
  nursery.startSoon(serveListeners, tickTwice, [listener]);
  const { port } = listener.address;

  // 1. Give up and say so. The connection does not outlive the error.
  try {
    await failAfter(50, async () => {
      await using stream = await openTcpStream('127.0.0.1', port);
      for await (const chunk of stream) console.log('received', chunk.length, 'bytes');
    });
  } catch (error) {
    if (!(error instanceof TooSlowError)) throw error;
    console.log('gave up:', error.message);
  }

  // 2. Take what there is when the time is over.
  let received = 0;
  await moveOnAfter(50, async () => {
    await using stream = await openTcpStream('127.0.0.1', port);
    for await (const chunk of stream) received += chunk.length;
  });
  console.log('until then it sent', received, 'bytes');

  // 3. An idle timeout: every chunk moves the deadline. Moving it only stores a number.
  const idle = new CancelScope({ timeoutMs: 50 });
  await idle.run(async () => {
    await using stream = await openTcpStream('127.0.0.1', port);
    for await (const _chunk of stream) idle.deadline = currentTime() + 50;
  });
  console.log(idle.cancelledCaught ? 'it fell silent' : 'it came to its end');

  nursery.cancelScope.cancel('done');
});
