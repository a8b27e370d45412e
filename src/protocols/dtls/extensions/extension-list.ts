/**
 * The extensions of a hello (RFC 5246 §7.4.1.4): numbers with bodies. What a body means is in the file of its extension.
 *
 * An extension may be there once; a hello with two of a kind is malformed (dimpl#114). Unknown ones are passed over.
 */
import type { ByteReader } from '../../../core/byte-reader.ts';
import type { ByteWriter } from '../../../core/byte-writer.ts';

export interface Extension {
  readonly type: number;
  readonly body: Uint8Array;
}

export type ExtensionList = readonly Extension[];

/** What is left of a hello: nothing at all, or a list that ends exactly with it. */
export function readExtensions(reader: ByteReader): ExtensionList {
  if (reader.remaining === 0) return [];
  const extensions = reader.items(2, (item) => ({ type: item.u16(), body: item.vector(2) }));
  const types = new Set(extensions.map(({ type }) => type));
  if (types.size !== extensions.length) reader.fail('an extension that is there twice');
  return extensions;
}

export function writeExtensions(writer: ByteWriter, extensions: ExtensionList): void {
  if (extensions.length === 0) return;
  writer.block(2, (list) => {
    for (const { type, body } of extensions) list.u16(type).vector(2, body);
  });
}

/** The body of an extension; `undefined` where it is not there. */
export function bodyOf(extensions: ExtensionList, type: number): Uint8Array | undefined {
  return extensions.find((extension) => extension.type === type)?.body;
}

/** An extension that says all by being there. */
export function emptyExtension(type: number): Extension {
  return { type, body: new Uint8Array(0) };
}
