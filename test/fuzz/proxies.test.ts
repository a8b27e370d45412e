/**
 * Bytes from nowhere, into every message of the proxy protocols. Whatever comes, a format gives a message or throws a ProtocolError, the
 * same however the bytes were cut; it takes nothing that follows the message; and what it gave survives being written again.
 *
 * The name of a file of the corpus begins with the format it was made for, but every input goes into every format.
 */
import assert from 'node:assert/strict';
import test from 'node:test';

import { inetAddress, ProtocolError } from 'bowline/core';
import type { ConnectTarget } from 'bowline/core';

import type { MessageFormat } from '#src/core/message-decoder.js';
import { connectRequestFormat, encodeConnectRequest } from '#src/protocols/http1/connect-request.js';
import { connectResponseFormat } from '#src/protocols/http1/connect-response.js';
import { proxyHeaderFormat } from '#src/protocols/proxy-header/header.js';
import { parseProxyTls } from '#src/protocols/proxy-header/tlv.js';
import {
  encodeMethodChoice,
  encodeMethodOffer,
  methodChoice,
  methodOffer,
} from '#src/protocols/socks/method-selection.js';
import {
  encodePasswordRequest,
  encodePasswordStatus,
  passwordRequest,
  passwordStatus,
} from '#src/protocols/socks/password.js';
import { encodeSocksReply, socksReply } from '#src/protocols/socks/reply.js';
import { encodeSocksRequest, socksRequest } from '#src/protocols/socks/request.js';
import { encodeSocks4Reply, encodeSocks4Request, socks4Reply, socks4Request } from '#src/protocols/socks/socks4.js';
import { encodeSocksDatagram, parseSocksDatagram } from '#src/protocols/socks/udp-header.js';
import { parseNoProxy } from '#src/proxies/no-proxy.js';
import { parseProxyUrl } from '#src/proxies/proxy-url.js';

import { checkFormat } from '../support/check-format.js';
import { fuzz, fuzzSeed, readCorpus } from '../support/fuzzing.js';

/** Fields as plain values, which can be compared. Without the casing and order of Host, which is written anew. */
const connectRequest: MessageFormat<{ target: ConnectTarget; fields: (readonly [string, string])[] }> = {
  ...connectRequestFormat(300),
  parse: (message) => {
    const { target, fields } = connectRequestFormat(300).parse(message);
    return { target, fields: [...fields].filter(([name]) => name !== 'host') };
  },
};
const connectResponse: MessageFormat<unknown> = {
  ...connectResponseFormat(300),
  parse: (message) => {
    const { status, reason, minorVersion, fields } = connectResponseFormat(300).parse(message);
    return { status, reason, minorVersion, fields: [...fields] };
  },
};

const attempts: Readonly<Record<string, (input: Uint8Array) => void>> = {
  'method-offer': (input) => void checkFormat(methodOffer, input, encodeMethodOffer0),
  'method-choice': (input) => void checkFormat(methodChoice, input, encodeMethodChoice),
  'password-request': (input) => void checkFormat(passwordRequest, input, encodePasswordRequest),
  'password-status': (input) => void checkFormat(passwordStatus, input, encodePasswordStatus),
  'socks-request': (input) => void checkFormat(socksRequest, input, encodeSocksRequest),
  'socks-reply': (input) => void checkFormat(socksReply, input, encodeSocksReply),
  'socks4-request': (input) => void checkFormat(socks4Request, input, encodeSocks4Request),
  'socks4-reply': (input) => void checkFormat(socks4Reply, input, encodeSocks4Reply),
  'socks-datagram': tryDatagram,
  'proxy-header': (input) => void checkFormat(proxyHeaderFormat(200), input),
  'proxy-tls': (input) => refusing(() => void parseProxyTls(input)),
  'connect-request': (input) =>
    void checkFormat(connectRequest, input, ({ target, fields }) => encodeConnectRequest(target, fields)),
  'connect-response': (input) => void checkFormat(connectResponse, input),
  'proxy-url': tryProxyUrl,
};

test('no bytes, however cut, make a proxy message anything but read or refused', () => {
  const corpus = readCorpus('proxies');
  for (const name of Object.keys(attempts)) {
    const own = [...corpus.keys()].filter((file) => file.startsWith(`${name}-`) || file === `${name}.hex`);
    assert.ok(own.length > 0, `${name} has no corpus`);
  }
  const inputs = [...corpus.values()];
  for (const input of inputs) tryAll(input);
  fuzz(inputs, tryAll);
});

function tryAll(input: Uint8Array): void {
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      attempt(input);
    } catch (cause) {
      throw new Error(`${name}, seed ${fuzzSeed}: ${Buffer.from(input).toString('hex')}`, { cause });
    }
  }
}

/** A client may offer 0xFF, which means nothing, and nobody would write it. */
function encodeMethodOffer0(methods: readonly number[]): Uint8Array {
  return methods.includes(0xff) ? Uint8Array.of(5, methods.length, ...methods) : encodeMethodOffer(methods);
}

function tryDatagram(input: Uint8Array): void {
  refusing(() => {
    const datagram = parseSocksDatagram(input);
    assert.deepEqual(parseSocksDatagram(encodeSocksDatagram(datagram)), {
      ...datagram,
      data: Uint8Array.from(datagram.data),
    });
  });
}

function tryProxyUrl(input: Uint8Array): void {
  const text = Buffer.from(input).toString('latin1');
  parseNoProxy(text)({ host: 'example.org', port: 443 });
  try {
    const { proxy } = parseProxyUrl(text, 'X');
    if (proxy.host.includes(':')) inetAddress(proxy.host, proxy.port);
  } catch (error) {
    assert.ok(error instanceof Error && error.name === 'AddressError', String(error));
  }
}

function refusing(attempt: () => void): void {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}
