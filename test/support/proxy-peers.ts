/** Proxies that do exactly what a test says, in memory. */
import type { Connector, ConnectTarget, Stream } from 'bowline/core';
import { BrokenResourceError } from 'bowline/core';
import { openNursery } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';

export interface ScriptedProxy {
  /** A connector to it, for `via`. */
  readonly via: Connector<MemoryStream>;
  /** What it was dialled as, in order. */
  readonly dialled: ConnectTarget[];
  /** Everything that it received, after its script has ended too. */
  readonly received: () => string;
  readonly near: MemoryStream;
  readonly far: MemoryStream;
}

/**
 * Runs `body` against a proxy that plays `script`, a list of what it sends, each after something new was received.
 *
 * @param script bytes to send; `null`: the end of file, at once
 */
export async function withScriptedProxy<T>(
  script: readonly (Uint8Array | null)[],
  body: (proxy: ScriptedProxy) => Promise<T>,
): Promise<T> {
  const [near, far] = memoryStreamPair();
  const dialled: ConnectTarget[] = [];
  const chunks: Uint8Array[] = [];
  const via = async (target: ConnectTarget): Promise<MemoryStream> => {
    dialled.push(target);
    return near;
  };
  const play = async (): Promise<void> => {
    for (const step of script) {
      if (step === null) {
        await far.sendEof();
        continue;
      }
      const chunk = await far.receiveSome();
      if (chunk === null) return;
      chunks.push(chunk);
      await far.sendAll(step);
    }
    for await (const chunk of far) chunks.push(chunk);
  };
  const received = (): string => Buffer.concat(chunks).toString('latin1');
  let result: { readonly value: T } | undefined;
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      try {
        await play();
      } catch (error) {
        // The client went away, which is what many tests are about.
        if (!(error instanceof BrokenResourceError)) throw error;
      }
    });
    result = { value: await body({ via, dialled, received, near, far }) };
    nursery.cancelScope.cancel();
  });
  if (result === undefined) throw new Error('the body was cut off');
  return result.value;
}

/** Sends a word and gives back what comes. */
export async function say(stream: Stream, text: string): Promise<string> {
  await stream.sendAll(new TextEncoder().encode(text));
  return await hear(stream);
}

export async function hear(stream: Stream): Promise<string> {
  const chunk = await stream.receiveSome();
  return chunk === null ? '(end)' : new TextDecoder().decode(chunk);
}
