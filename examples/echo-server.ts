import { serveTcp } from 'bowline';
import type { Stream } from 'bowline';

async function echo(stream: Stream): Promise<void> {
  for await (const chunk of stream) {
    await stream.sendAll(chunk);
  }
}

await serveTcp(echo, 4040);
