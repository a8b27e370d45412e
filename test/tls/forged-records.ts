/**
 * Records of TLS 1.3 as no honest peer writes them: a server of node:tls does the handshake, and its records are opened and
 * sealed again with the keys that its key log tells (RFC 8446 §5.2, §7.3). TLS_AES_128_GCM_SHA256 only.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createServer } from 'node:tls';

const TAG_BYTES = 16;

export interface Opened {
  readonly type: number;
  readonly content: Buffer;
}

/** One direction under one secret. */
export class RecordKeys {
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0;

  constructor(secret: Buffer) {
    this.#key = expandLabel(secret, 'key', 16);
    this.#iv = expandLabel(secret, 'iv', 12);
  }

  seal({ type, content }: Opened, padding = 0): Buffer {
    const inner = Buffer.concat([content, Buffer.of(type), Buffer.alloc(padding)]);
    const length = inner.length + TAG_BYTES;
    const header = Buffer.of(23, 3, 3, length >> 8, length & 0xff);
    const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(header);
    return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }

  open(record: Buffer): Opened {
    const end = record.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(record.subarray(0, 5));
    decipher.setAuthTag(record.subarray(end));
    const inner = Buffer.concat([decipher.update(record.subarray(5, end)), decipher.final()]);
    const at = inner.findLastIndex((byte) => byte !== 0);
    return { type: inner[at] as number, content: inner.subarray(0, at) };
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence++) >>> 0, 8);
    return nonce;
  }
}

/**
 * Answers a ClientHello up to the server's Finished, every encrypted record padded.
 *
 * @returns what to send, and the keys of the data that may follow at once
 */
export async function paddedFlight(
  hello: Uint8Array,
  identity: { readonly cert: string; readonly key: string },
): Promise<{ readonly flight: readonly Buffer[]; readonly data: RecordKeys }> {
  const secrets = new Map<string, Buffer>();
  const written: Buffer[] = [];
  const transport = new Duplex({
    read() {
      // What there is to read is pushed.
    },
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  const server = createServer({ ...identity, ciphers: 'TLS_AES_128_GCM_SHA256', minVersion: 'TLSv1.3' });
  const hasKeys = new Promise<void>((resolve) => {
    server.on('keylog', (line: Buffer) => {
      const [label = '', , secret = ''] = line.toString('latin1').trim().split(' ');
      secrets.set(label, Buffer.from(secret, 'hex'));
      if (label === 'SERVER_TRAFFIC_SECRET_0') setImmediate(resolve);
    });
  });
  server.emit('connection', transport as unknown as Socket);
  transport.push(hello);
  await hasKeys;
  transport.destroy();
  const secret = secrets.get('SERVER_HANDSHAKE_TRAFFIC_SECRET') as Buffer;
  const [opening, sealing] = [new RecordKeys(secret), new RecordKeys(secret)];
  const flight = recordsOf(Buffer.concat(written)).map((record) =>
    record[0] === 23 ? sealing.seal(opening.open(record), 300) : record,
  );
  return { flight, data: new RecordKeys(secrets.get('SERVER_TRAFFIC_SECRET_0') as Buffer) };
}

function recordsOf(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    records.push(bytes.subarray(at, end));
    at = end;
  }
  return records;
}

/** HKDF-Expand-Label without a context, for no more than one hash's length (RFC 8446 §7.1). */
function expandLabel(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.of(0, length, name.length), name, Buffer.of(0, 1)]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, length);
}
