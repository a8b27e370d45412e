// A chat: the first line that somebody sends is their name, every other goes to everybody else.
import { Connection, Server } from 'bowline/callbacks';
import { lines } from 'bowline/framing';

class Guest extends Connection {
  override readDelimiter = lines({ maxBytes: 1000 });
  name = '';

  override onConnect(): void {
    void this.write('What is your name?\n');
  }

  override onRead(line: string): void {
    if (this.name !== '') {
      this.tell(`${this.name}: ${line}`);
    } else if (line !== '') {
      this.name = line;
      this.tell(`${line} comes in`);
    }
  }

  override onClose(): void {
    if (this.name !== '') this.tell(`${this.name} goes away`);
  }

  tell(line: string): void {
    this.server?.broadcast(`${line}\n`, { except: this });
  }
}

// Somebody who reads nothing is given up when a megabyte is waiting.
const server = new Server(Guest, { maxConnections: 500, maxWriteBufferBytes: 1_048_576 });
await server.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 4040) });
console.log('listening on port', server.port);
