// A chat: every line that somebody says goes to everybody else. Try it with several `bowline connect tcp:127.0.0.1:4041`.
//
// One task per person reads, and one writes from a channel of its own, so that a slow reader slows down nobody: when its
// channel is full, it misses lines.
import { BufferedStream, openMemoryChannel, openNursery, serveTcp } from 'bowline';
import type { ReceiveChannel, SendStream, Stream } from 'bowline';

const port = Number(process.argv[2] ?? 4041);
const people = new Map<string, (line: string) => void>();
let count = 0;
const MAX_WAITING_LINES = 100;

async function chat(connection: Stream): Promise<void> {
  const name = `guest ${++count}`;
  const stream = new BufferedStream(connection);
  const [outgoing, lines] = openMemoryChannel<string>(MAX_WAITING_LINES);
  await openNursery(async (nursery) => {
    nursery.startSoon(write, lines, stream);
    people.set(name, (line) => {
      if (outgoing.statistics().currentBufferUsed < MAX_WAITING_LINES) outgoing.sendNowait(line);
    });
    try {
      announce(name, 'comes in');
      for (;;) {
        const line = await stream.receiveLine();
        if (line === null) break;
        announce(name, `says: ${line}`);
      }
    } finally {
      people.delete(name);
      announce(name, 'goes away');
      nursery.cancelScope.cancel();
    }
  });
}

async function write(lines: ReceiveChannel<string>, stream: SendStream): Promise<void> {
  const encoder = new TextEncoder();
  for await (const line of lines) await stream.sendAll(encoder.encode(`${line}\n`));
}

function announce(name: string, what: string): void {
  for (const [other, tell] of people) if (other !== name) tell(`${name} ${what}`);
}

await serveTcp(chat, port, {
  host: '127.0.0.1',
  started: ([listener]) => console.log('listening on', listener?.address),
});
