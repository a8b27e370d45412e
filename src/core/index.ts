/** bowline/core: the vocabulary. Interfaces, errors, bytes, addresses and attributes; no behaviour that waits. */
export * from './address.ts';
export * from './attributes.ts';
export * from './bytes.ts';
export * from './channel.ts';
export * from './connector.ts';
export * from './errors.ts';
export * from './listener.ts';
export * from './network.ts';
export * from './resource.ts';
export * from './stream.ts';
export * from './byte-reader.ts';
export * from './byte-writer.ts';
export * from './cidr.ts';
export * from './host-port.ts';
export * from './ip-address.ts';
export * from './quote.ts';
