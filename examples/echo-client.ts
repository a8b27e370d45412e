import { failAfter, openTcpStream } from 'bowline';

await failAfter(5000, async () => {
  await using stream = await openTcpStream('localhost', 4040);
  await stream.sendAll(new TextEncoder().encode('hello, bowline\n'));
  await stream.sendEof();
  for await (const chunk of stream) {
    process.stdout.write(chunk);
  }
});
