/**
 * A scheme: the grammar of one kind of address, and what to open for it.
 *
 * Adding a kind of endpoint is one `defineScheme` and one entry in a list: that of the library (schemes/index.ts), or in
 * a program's own code `connect(address, { schemes: [...builtInSchemes, mine] })`. There is no registry to change from
 * afar, so what an address can do is visible where it is used.
 *
 * A scheme that dials hosts opens its connections with `context.through(dial)`, where `dial` is how it would reach a host
 * by itself; without proxies that is `dial`, with `via=` it is the whole way.
 */
import type { SocketAddress } from '../core/address.ts';
import type { Connector } from '../core/connector.ts';
import type { Listener } from '../core/listener.ts';
import type { Network } from '../core/network.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import type { OptionKinds, OptionValues } from './grammar/option-kinds.ts';
import type { SchemeGrammar } from './grammar/scheme-grammar.ts';

export interface OpenContext {
  /** As given to `connect` or `listen`; `undefined`: the ambient one. */
  readonly network: Network | undefined;
}

export interface DialContext extends OpenContext {
  /** A connector that goes through the proxies of the address, the nearest of which is reached with `dial`. */
  readonly through: (dial: Connector<HalfCloseableStream>) => Connector<HalfCloseableStream>;
}

/** A listener of any scheme; what has a socket tells its address. */
export interface EndpointListener extends Listener<HalfCloseableStream> {
  readonly address?: SocketAddress | undefined;
}

/** What a scheme can open: one for each of the `roles` of its grammar. */
export interface Openers<T, O extends OptionKinds> {
  connect?(target: T, options: OptionValues<O>, context: DialContext): Promise<HalfCloseableStream>;
  listen?(target: T, options: OptionValues<O>, context: OpenContext): Promise<EndpointListener[]>;
  /** As a proxy (`via=`): a connector to anywhere that reaches the proxy with `dial`. */
  connector?(target: T, options: OptionValues<O>, dial: Connector<HalfCloseableStream>): Connector<HalfCloseableStream>;
}

export type Scheme<T = unknown, O extends OptionKinds = OptionKinds> = SchemeGrammar<T, O> & Openers<T, O>;

/** Joins grammar and openers; the types of target and options are checked here and forgotten afterwards. */
export function defineScheme<T, const O extends OptionKinds>(
  grammar: SchemeGrammar<T, O>,
  openers: Openers<T, O>,
): Scheme {
  return { ...grammar, ...openers };
}
