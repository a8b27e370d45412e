// A server of messages with a two-byte length in front: each is answered with its own letters in capitals.
import { Connection, Server } from 'bowline/callbacks';
import { lengthPrefixed } from 'bowline/framing';

const messages = lengthPrefixed('u16be');

class Shout extends Connection {
  override readDelimiter = messages;

  override onRead(message: Uint8Array): void {
    const text = new TextDecoder().decode(message);
    void this.send(messages, new TextEncoder().encode(text.toUpperCase()));
  }
}

const server = await new Server(Shout).listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 4040) });
console.log('listening on port', server.port);
