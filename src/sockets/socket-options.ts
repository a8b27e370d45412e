/** Checks of the options that the openers share. Bad options are refused before anything is opened. */
import { isIP } from 'node:net';

import { checkPort } from '../core/host-port.ts';
import type { ConnectTcpOptions, UdpQueueOptions } from '../core/network.ts';

/** Most that fits the kernels' queue length, an unsigned 16-bit number in some of them. */
const MAX_BACKLOG = 0xffff;

/** The port of a peer; 0 is for listening, where it means "any free port". */
export function checkRemotePort(port: number): void {
  if (checkPort(port) === 0) throw new RangeError('port 0 cannot be connected to');
}

export function checkHost(host: string): void {
  if (typeof host !== 'string') throw new TypeError(`a host is a string, not ${describe(host)}`);
  if (host === '') throw new RangeError('a host name cannot be empty');
  if (/[\0\s[\]/@]/.test(host))
    throw new RangeError(`not a host name or an IP address without brackets: ${JSON.stringify(host)}`);
}

export function checkConnectOptions(options: ConnectTcpOptions): void {
  const { localAddress, noDelay, keepAliveMs } = options;
  if (localAddress !== undefined && typeof localAddress !== 'string') throw new TypeError('localAddress is a string');
  if (localAddress !== undefined && isIP(localAddress) === 0) {
    throw new RangeError(`localAddress is an IP address, not ${JSON.stringify(localAddress)}`);
  }
  checkFlag('noDelay', noDelay);
  if (keepAliveMs !== undefined) checkKeepAlive(keepAliveMs);
}

/** @returns the length of the kernel's queue to ask for; the most there is by default */
export function checkBacklog(backlog: number | undefined): number {
  if (backlog === undefined) return MAX_BACKLOG;
  if (!Number.isInteger(backlog)) throw new TypeError(`backlog is an integer, not ${describe(backlog)}`);
  if (backlog < 1) throw new RangeError(`backlog is 1 or more, not ${backlog}`);
  return Math.min(backlog, MAX_BACKLOG);
}

/** @returns `value`, or `fallback` if there is none */
export function checkCount<T>(name: string, value: number | undefined, fallback: () => T): number | T {
  if (value === undefined) return fallback();
  if (value !== Infinity && !Number.isInteger(value))
    throw new TypeError(`${name} is an integer or Infinity, not ${describe(value)}`);
  if (value < 1) throw new RangeError(`${name} is 1 or more, not ${value}`);
  return value;
}

export function checkUdpQueue({ receiveQueue, receiveQueueBytes }: UdpQueueOptions): void {
  checkCount('receiveQueue', receiveQueue, () => 1);
  checkCount('receiveQueueBytes', receiveQueueBytes, () => 1);
}

export function checkFlag(name: string, value: boolean | undefined): void {
  if (value !== undefined && typeof value !== 'boolean')
    throw new TypeError(`${name} is true or false, not ${describe(value)}`);
}

function describe(value: unknown): string {
  return typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value;
}

export function checkKeepAlive(idleMs: number | null): void {
  if (idleMs === null) return;
  if (typeof idleMs !== 'number') throw new TypeError('keepAliveMs is a number of milliseconds, or null for none');
  if (!(idleMs > 0 && idleMs < Infinity)) throw new RangeError(`keepAliveMs is more than 0, not ${idleMs}`);
}

/** The system counts in whole seconds and takes 0 for its default of hours; so what is below a second becomes one. */
export function toKeepAliveDelay(idleMs: number): number {
  return Math.max(idleMs, 1000);
}
