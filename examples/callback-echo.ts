import { Connection, Server } from 'bowline/callbacks';

class Echo extends Connection {
  override onRead(data: Uint8Array): void {
    void this.write(data);
  }
}

const server = await new Server(Echo).listen(Number(process.argv[2] ?? 4040));
console.log('listening on port', server.port);
