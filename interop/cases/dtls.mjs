/** OpenSSL, GnuTLS, socat and Trio as DTLS 1.2 peers, in both roles. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BrokenResourceError, CertificateError } from 'bowline/core';
import { openDtlsChannel, serveDtls } from 'bowline/dtls';
import { openProcess } from 'bowline/sockets';
import { BufferedStream } from 'bowline/streams';
import { Event, failAfter, moveOnAfter, openNursery } from 'bowline/tasks';
import { clientContext, insecureAcceptAnyone, preSharedKey, serverContext } from 'bowline/trust';

import { findProgram, freePort } from '../programs.mjs';
import { clientOf, SERVER_NAME, serverOf, withWorld } from '../tls-world.mjs';

/** A case that takes longer has failed. */
const LIMIT_MS = 8000;
/** Some servers need a moment to start, and nothing tells that they have; the hello goes again and again. */
const RETRANSMIT_MS = 100;

const suites = {
  ec: {
    'ECDHE-ECDSA-AES128-GCM-SHA256': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  },
  rsa: {
    'ECDHE-RSA-AES128-GCM-SHA256': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384': 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'ECDHE-RSA-CHACHA20-POLY1305': 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  },
  psk: {
    'PSK-AES128-GCM-SHA256': 'TLS_PSK_WITH_AES_128_GCM_SHA256',
    'PSK-CHACHA20-POLY1305': 'TLS_PSK_WITH_CHACHA20_POLY1305_SHA256',
    'ECDHE-PSK-CHACHA20-POLY1305': 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256',
  },
};

const PSK_HEX = '000102030405060708090a0b0c0d0e0f';
const PSK_IDENTITY = 'device-7';
const psk = preSharedKey({ identity: PSK_IDENTITY, key: Buffer.from(PSK_HEX, 'hex') });

/** A program with pipes, until `body` is done; its lines can be read one by one. */
async function withProgram(program, args, body) {
  const child = await openProcess(program.startsWith('/') ? program : findProgram(program), args.map(String), {
    stdin: 'pipe',
    stderr: 'ignore',
  });
  const output = new BufferedStream(child.stdout);
  const readLine = async () => Buffer.from(await output.receiveLine()).toString();
  try {
    return await body({ child, readLine, write: (text) => child.stdin.sendAll(Buffer.from(text)) });
  } finally {
    child.kill('SIGKILL');
    await child.close();
  }
}

async function withServer(program, args, body) {
  const port = await freePort();
  return await withProgram(program, args(port), (peer) => body(port, peer));
}

/** A channel to a server of this world, its handshake done; closed after `body`. */
async function connected(port, context, options, body) {
  const channel = await openDtlsChannel('127.0.0.1', port, context, {
    serverName: SERVER_NAME,
    initialRetransmitTimeoutMs: RETRANSMIT_MS,
    ...options,
  });
  try {
    await channel.doHandshake();
    return await body(channel);
  } finally {
    await channel.close();
  }
}

/** Serves while `body(port)` runs; failed handshakes do not end it. */
async function serving(handler, context, body, options) {
  await openNursery(async (nursery) => {
    const port = await nursery.start((started) =>
      serveDtls(handler, 0, context, {
        host: '127.0.0.1',
        initialRetransmitTimeoutMs: RETRANSMIT_MS,
        ...options,
        started: ([listener]) => started(listener.address.port),
      }),
    );
    await body(port);
    nursery.cancelScope.cancel();
  });
}

/** Greets, so that clients know when they can write, then sends back what it receives. Tells what it saw. */
function greeter(look = (channel) => channel.cipherSuite) {
  const seen = [];
  const handler = async (channel) => {
    seen.push(look(channel));
    await channel.send(Buffer.from('welcome\n'));
    for await (const message of channel) await channel.send(message);
    seen.push('ended');
  };
  return { seen, handler };
}

async function text(channel) {
  return Buffer.from(await channel.receive()).toString();
}

/** Programs that copy between stdin, stdout and the association. */
async function talkTo(channel, { readLine, write }) {
  await channel.send(Buffer.from('to the server\n'));
  assert.equal(await readLine(), 'to the server');
  await write('to the client\n');
  assert.equal(await text(channel), 'to the client\n');
}

/** What a client program does with a greeter: all of it, or it fails. */
async function talkToGreeter({ child, readLine, write }) {
  assert.equal(await readLine(), 'welcome');
  await write('to the server\n');
  assert.equal(await readLine(), 'to the server');
  await child.stdin.close();
  assert.equal((await child.wait()).exitCode, 0);
}

/**
 * A relay to that port for one client. Counted from the server's first datagram, the second, fourth and fifth are lost,
 * whichever way they go: something of several flights, and no more than a few timeouts.
 */
async function withLoss(port, body) {
  const relay = createSocket('udp4');
  await new Promise((resolve) => relay.bind(0, '127.0.0.1', resolve));
  let client = 0;
  let count = 0;
  relay.on('message', (datagram, from) => {
    if (from.port !== port) client = from.port;
    if (from.port === port || count > 0) count++;
    if (![2, 4, 5].includes(count)) relay.send(datagram, from.port === port ? client : port, '127.0.0.1');
  });
  // A server that is not there yet.
  relay.on('error', () => undefined);
  try {
    return await body(relay.address().port);
  } finally {
    relay.close();
  }
}

/** Whether the peer has shown that certificate. (OpenSSL sends its authority's, too.) */
function hasShown(channel, { cert }) {
  return new X509Certificate(readFileSync(cert)).raw.equals(channel.peer.chain[0]);
}

/** Waits for what another task is about to do. */
async function untilSeen(seen, count) {
  while (seen.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

const serverArguments =
  (world, ...more) =>
  (port) => [
    ...['s_server', '-dtls1_2', '-accept', `127.0.0.1:${port}`, '-cert', world.server.cert, '-key', world.server.key],
    ...['-quiet', '-timeout', ...more],
  ];

const clientArguments = (world, port, ...more) => [
  ...['s_client', '-dtls1_2', '-connect', `127.0.0.1:${port}`, '-servername', SERVER_NAME, '-CAfile', world.ca],
  ...['-verify_return_error', '-verify_hostname', SERVER_NAME, '-quiet', '-no_ign_eof', '-timeout', ...more],
];

const pskServerArguments = (port, ...more) => [
  ...['s_server', '-dtls1_2', '-accept', `127.0.0.1:${port}`, '-nocert', '-quiet', '-timeout'],
  ...['-psk', PSK_HEX, '-psk_identity', PSK_IDENTITY, '-psk_hint', 'the hint', ...more],
];

const pskClientArguments = (port, identity, ...more) => [
  ...['s_client', '-dtls1_2', '-connect', `127.0.0.1:${port}`, '-quiet', '-no_ign_eof', '-timeout'],
  ...['-psk', PSK_HEX, '-psk_identity', identity, ...more],
];

/** The handshake failed because of what the peer said. */
function refusedBy(alert) {
  return (error) => error instanceof BrokenResourceError && alert.test(String(error.cause?.message));
}

const openssl = [
  ...['ec', 'rsa'].flatMap((serverKey) => [
    {
      name: `client of openssl s_server with ${serverKey} certificates, AES-GCM and ChaCha20`,
      needs: ['openssl'],
      run: () =>
        withWorld(
          async (world) => {
            for (const [name, iana] of Object.entries(suites[serverKey])) {
              await withServer('openssl', serverArguments(world, '-cipher', name), async (port, peer) => {
                await connected(port, await clientOf(world), {}, async (channel) => {
                  assert.equal(channel.cipherSuite, iana);
                  await talkTo(channel, peer);
                });
              });
            }
          },
          { serverKey },
        ),
    },
    {
      name: `server for openssl s_client with ${serverKey} certificates, AES-GCM and ChaCha20`,
      needs: ['openssl'],
      run: () =>
        withWorld(
          async (world) => {
            const { seen, handler } = greeter();
            await serving(handler, await serverOf(world), async (port) => {
              for (const name of Object.keys(suites[serverKey]))
                await withProgram('openssl', clientArguments(world, port, '-cipher', name), talkToGreeter);
              await untilSeen(seen, 6);
            });
            assert.deepEqual(
              seen,
              Object.values(suites[serverKey]).flatMap((iana) => [iana, 'ended']),
            );
          },
          { serverKey },
        ),
    },
  ]),
  {
    name: 'client of openssl s_server -listen, which answers hellos without state',
    needs: ['openssl'],
    run: () =>
      withWorld((world) =>
        withServer('openssl', serverArguments(world, '-listen'), async (port, peer) => {
          await connected(port, await clientOf(world), {}, (channel) => talkTo(channel, peer));
        }),
      ),
  },
  {
    name: 'client of openssl s_server, whose name or authority is wrong, is the one that refuses',
    needs: ['openssl'],
    run: () =>
      withWorld((world) =>
        withWorld((otherWorld) =>
          withServer('openssl', serverArguments(world), async (port, peer) => {
            const context = await clientOf(world);
            const fail = () => assert.fail('it has connected');
            await assert.rejects(connected(port, context, { serverName: 'other.test' }, fail), CertificateError);
            await assert.rejects(connected(port, await clientOf(otherWorld), {}, fail), CertificateError);
            await connected(port, context, {}, (channel) => talkTo(channel, peer));
          }),
        ),
      ),
  },
  {
    name: 'client certificate for openssl s_server -Verify, and the alert of a server that wants one',
    needs: ['openssl'],
    run: () =>
      withWorld((world) =>
        withServer(
          'openssl',
          serverArguments(world, '-Verify', '2', '-CAfile', world.ca, '-verify_return_error'),
          async (port, peer) => {
            const fail = () => assert.fail('it has connected');
            await assert.rejects(connected(port, await clientOf(world), {}, fail), refusedBy(/handshake.failure/i));
            await connected(port, await clientOf(world, { identity: world.client }), {}, (channel) =>
              talkTo(channel, peer),
            );
          },
        ),
      ),
  },
  {
    name: 'server that requires certificates: openssl s_client has one, has none, or trusts another authority',
    needs: ['openssl'],
    run: () =>
      withWorld((world) =>
        withWorld(async (otherWorld) => {
          const { seen, handler } = greeter((channel) => hasShown(channel, world.client));
          const context = await serverOf(world, { clientAuth: 'require' });
          const identity = ['-cert', world.client.cert, '-key', world.client.key];
          const stranger = ['-cert', otherWorld.client.cert, '-key', otherWorld.client.key];
          await serving(handler, context, async (port) => {
            const refused = [
              clientArguments(world, port),
              clientArguments(world, port, ...stranger),
              clientArguments({ ...world, ca: otherWorld.ca }, port, ...identity),
            ];
            for (const args of refused)
              await withProgram('openssl', args, async ({ child }) => assert.equal((await child.wait()).exitCode, 1));
            await withProgram('openssl', clientArguments(world, port, ...identity), talkToGreeter);
            await untilSeen(seen, 2);
          });
          assert.deepEqual(seen, [true, 'ended']);
        }),
      ),
  },
  {
    name: 'ALPN with openssl s_server and s_client, and no protocol in common',
    needs: ['openssl'],
    run: () =>
      withWorld(async (world) => {
        const alpnProtocols = ['coap', 'bowline/1'];
        await withServer('openssl', serverArguments(world, '-alpn', 'bowline/1'), async (port, peer) => {
          await connected(port, await clientOf(world, { alpnProtocols }), {}, async (channel) => {
            assert.equal(channel.alpnProtocol, 'bowline/1');
            await talkTo(channel, peer);
          });
        });
        const { seen, handler } = greeter((channel) => [channel.alpnProtocol, channel.serverName]);
        await serving(handler, await serverOf(world, { alpnProtocols }), async (port) => {
          await withProgram('openssl', clientArguments(world, port, '-alpn', 'x,bowline/1'), talkToGreeter);
          await withProgram('openssl', clientArguments(world, port, '-alpn', 'x'), async ({ child }) =>
            assert.equal((await child.wait()).exitCode, 1),
          );
          await untilSeen(seen, 2);
        });
        assert.deepEqual(seen, [['bowline/1', SERVER_NAME], 'ended']);
      }),
  },
  ...['tickets', 'session IDs'].map((means) => ({
    name: `a client's session is resumed by openssl s_server with ${means}`,
    needs: ['openssl'],
    run: () =>
      withWorld((world) => {
        const more = means === 'tickets' ? [] : ['-no_ticket'];
        return withServer('openssl', serverArguments(world, ...more), async (port, peer) => {
          const context = await clientOf(world);
          const session = await connected(port, context, {}, async (channel) => {
            assert.equal(channel.isResumed, false);
            await talkTo(channel, peer);
            return channel.session;
          });
          assert.notEqual(session, undefined);
          await connected(port, context, { session }, async (channel) => {
            assert.equal(channel.isResumed, true);
            await talkTo(channel, peer);
          });
        });
      }),
  })),
  {
    name: 'a session of openssl s_client is resumed, with the certificate that it began with',
    needs: ['openssl'],
    run: () =>
      withWorld(async (world) => {
        const session = join(world.folder, 'session.pem');
        const { seen, handler } = greeter((channel) => [channel.isResumed, hasShown(channel, world.client)]);
        const context = await serverOf(world, { clientAuth: 'require' });
        await serving(handler, context, async (port) => {
          const identity = ['-cert', world.client.cert, '-key', world.client.key];
          for (const option of ['-sess_out', '-sess_in'])
            await withProgram('openssl', clientArguments(world, port, ...identity, option, session), talkToGreeter);
          await untilSeen(seen, 4);
        });
        assert.deepEqual(seen, [[false, true], 'ended', [true, true], 'ended']);
      }),
  },
  {
    name: 'pre-shared keys: client of openssl s_server, three suites',
    needs: ['openssl'],
    run: async () => {
      for (const [name, iana] of Object.entries(suites.psk)) {
        await withServer(
          'openssl',
          (port) => pskServerArguments(port, '-cipher', name),
          async (port, peer) => {
            const hints = [];
            const source = (hint) => {
              hints.push(hint);
              return psk;
            };
            const context = clientContext({ psk: source, cipherSuites: [iana] });
            await connected(port, context, {}, async (channel) => {
              assert.equal(channel.cipherSuite, iana);
              assert.equal(channel.pskIdentity, PSK_IDENTITY);
              await talkTo(channel, peer);
            });
            assert.deepEqual(hints, ['the hint']);
          },
        );
      }
    },
  },
  {
    name: 'pre-shared keys: server for openssl s_client, three suites, and an identity that nobody has',
    needs: ['openssl'],
    run: async () => {
      const { seen, handler } = greeter((channel) => [channel.cipherSuite, channel.pskIdentity]);
      const find = async (identity) => (identity === PSK_IDENTITY ? psk : null);
      await serving(handler, serverContext({ psk: { hint: 'the hint', find } }), async (port) => {
        for (const name of Object.keys(suites.psk))
          await withProgram('openssl', pskClientArguments(port, PSK_IDENTITY, '-cipher', name), talkToGreeter);
        await untilSeen(seen, 6);
        // Nothing tells it that its identity is unknown: that would answer guesses.
        await withProgram('openssl', pskClientArguments(port, 'nobody'), async ({ child }) =>
          assert.equal(await moveOnAfter(500, () => child.wait()), undefined),
        );
      });
      assert.deepEqual(
        seen,
        Object.values(suites.psk).flatMap((iana) => [[iana, PSK_IDENTITY], 'ended']),
      );
    },
  },
  ...[256, 548].map((ciphertextMtu) => ({
    name: `datagrams of at most ${ciphertextMtu} bytes with openssl s_server and s_client, RSA on both sides`,
    needs: ['openssl'],
    run: () =>
      withWorld(
        async (world) => {
          // OpenSSL counts the headers of IP and UDP, too. With all of its suites, its hello would not fit 256 bytes.
          const more = ['-mtu', ciphertextMtu + 28, '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'];
          const identity = ['-cert', world.server.cert, '-key', world.server.key];
          const both = { ciphertextMtu };
          const message = Buffer.from(`${'x'.repeat(ciphertextMtu - 60)}\n`);
          await withServer('openssl', serverArguments(world, ...more, '-verify', 2), async (port, peer) => {
            await connected(port, await clientOf(world, { identity: world.server }), both, async (channel) => {
              assert.ok(channel.getCleartextMtu() < ciphertextMtu);
              await channel.send(message);
              assert.equal(await peer.readLine(), message.toString().trimEnd());
              await talkTo(channel, peer);
            });
          });
          const { seen, handler } = greeter((channel) => hasShown(channel, world.server));
          // The server's certificate is for servers, and serves the client here for its length only.
          const context = await serverOf(world, { clientAuth: 'require', verify: insecureAcceptAnyone() });
          const talk = async (port) => {
            await withProgram('openssl', clientArguments(world, port, ...more, ...identity), talkToGreeter);
            await untilSeen(seen, 2);
          };
          await serving(handler, context, talk, both);
          assert.deepEqual(seen, [true, 'ended']);
        },
        { serverKey: 'rsa' },
      ),
  })),
  {
    name: 'CCM and CCM_8, as small devices have them, with X25519 and with P-256',
    needs: ['openssl'],
    run: () =>
      withWorld(async (world) => {
        // What a client lists are the curves of certificates, too: P-256 is always there.
        for (const [name, iana, groups] of [
          ['ECDHE-ECDSA-AES128-CCM', 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM', ['X25519', 'P-256']],
          ['ECDHE-ECDSA-AES128-CCM8', 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8', ['P-256']],
        ]) {
          const more = ['-cipher', `${name}:@SECLEVEL=0`, '-groups', groups.join(':')];
          const options = {
            cipherSuites: [iana],
            groups: groups.map((group) => (group === 'P-256' ? 'secp256r1' : 'x25519')),
          };
          await withServer('openssl', serverArguments(world, ...more), async (port, peer) => {
            await connected(port, await clientOf(world, options), {}, (channel) => talkTo(channel, peer));
          });
          const { seen, handler } = greeter();
          await serving(handler, await serverOf(world, options), async (port) => {
            await withProgram('openssl', clientArguments(world, port, ...more), talkToGreeter);
            await untilSeen(seen, 2);
          });
          assert.deepEqual(seen, [iana, 'ended']);
        }
      }),
  },
  {
    name: 'DTLS-SRTP: profile and exported keys are those of openssl s_server and s_client',
    needs: ['openssl'],
    run: () =>
      withWorld(async (world) => {
        const profile = 'SRTP_AES128_CM_SHA1_80';
        const label = 'EXTRACTOR-dtls_srtp';
        const more = ['-use_srtp', profile, '-keymatexport', label, '-keymatexportlen', 60];
        const options = { srtpProfiles: ['SRTP_AES128_CM_HMAC_SHA1_80'] };
        const withoutQuiet = (args) => args.filter((argument) => argument !== '-quiet');
        const exported = (channel) => {
          assert.equal(channel.srtpProfile, options.srtpProfiles[0]);
          return Buffer.from(channel.exportKeyingMaterial(60, label)).toString('hex').toUpperCase();
        };
        const printed = async ({ readLine }) => {
          for (;;) {
            const found = /Keying material: ([0-9A-F]+)/.exec(await readLine());
            if (found !== null) return found[1];
          }
        };
        const program = (port) => withoutQuiet(serverArguments(world, ...more)(port));
        await withServer('openssl', program, async (port, peer) => {
          await connected(port, await clientOf(world), options, async (channel) => {
            assert.equal(exported(channel), await printed(peer));
          });
        });
        const { seen, handler } = greeter(exported);
        const talk = async (port) => {
          await withProgram('openssl', withoutQuiet(clientArguments(world, port, ...more)), async (peer) => {
            const material = await printed(peer);
            assert.equal(seen[0], material);
          });
        };
        await serving(handler, await serverOf(world), talk, options);
      }),
  },
  {
    name: 'datagrams of three flights are lost on the way to and from openssl: the handshake is done all the same',
    needs: ['openssl'],
    run: () =>
      withWorld(async (world) => {
        await withServer('openssl', serverArguments(world), async (port, peer) => {
          await withLoss(port, async (lossyPort) => {
            await connected(lossyPort, await clientOf(world, { identity: world.client }), {}, async (channel) => {
              assert.ok(channel.statistics().retransmissions > 0);
              const again = setInterval(() => void channel.send(Buffer.from('arrived\n')), 20);
              try {
                assert.equal(await peer.readLine(), 'arrived');
              } finally {
                clearInterval(again);
              }
            });
          });
        });
        let served;
        const done = new Event();
        const handler = async (channel) => {
          served = channel.cipherSuite;
          done.set();
        };
        await serving(handler, await serverOf(world), async (port) => {
          await withLoss(port, async (lossyPort) => {
            await withProgram('openssl', clientArguments(world, lossyPort), () => done.wait());
          });
        });
        assert.notEqual(served, undefined);
      }),
  },
];

const gnutlsPriority = 'NORMAL:-VERS-ALL:+VERS-DTLS1.2';

const gnutlsServer = (...more) => [...['--udp', '--echo', '--quiet', '--mtu', '1200', ...more]];

const gnutls = [
  ...['ec', 'rsa'].flatMap((serverKey) => [
    {
      name: `client of gnutls-serv --udp with ${serverKey} certificates`,
      needs: ['openssl', 'gnutls-serv'],
      run: () =>
        withWorld(
          (world) =>
            withServer(
              'gnutls-serv',
              (port) =>
                gnutlsServer(
                  ...['--port', port, '--priority', gnutlsPriority, '--require-client-cert', '--x509cafile', world.ca],
                  ...['--x509certfile', world.server.cert, '--x509keyfile', world.server.key, '--alpn', 'coap'],
                ),
              async (port) => {
                const options = { identity: world.client, alpnProtocols: ['coap'] };
                await connected(port, await clientOf(world, options), {}, async (channel) => {
                  assert.equal(channel.alpnProtocol, 'coap');
                  await channel.send(Buffer.from('bowline\n'));
                  assert.equal(await text(channel), 'bowline\n');
                });
              },
            ),
          { serverKey },
        ),
    },
    {
      name: `server for gnutls-cli --udp with ${serverKey} certificates and the client's`,
      needs: ['openssl', 'gnutls-cli'],
      run: () =>
        withWorld(
          async (world) => {
            const { seen, handler } = greeter((channel) => hasShown(channel, world.client));
            await serving(handler, await serverOf(world, { clientAuth: 'require' }), async (port) => {
              const args = [
                ...['--udp', '--port', port, '--x509cafile', world.ca, '--priority', gnutlsPriority],
                ...['--x509certfile', world.client.cert, '--x509keyfile', world.client.key, '--logfile', '/dev/null'],
                ...['--sni-hostname', SERVER_NAME, '--verify-hostname', SERVER_NAME, '127.0.0.1'],
              ];
              await withProgram('gnutls-cli', args, talkToGreeter);
              await untilSeen(seen, 2);
            });
            assert.deepEqual(seen, [true, 'ended']);
          },
          { serverKey },
        ),
    },
  ]),
  {
    // Not the other way round: Debian's gnutls-cli crashes with --udp and --pskusername.
    name: 'pre-shared keys: client of gnutls-serv --udp, with and without ECDHE',
    needs: ['openssl', 'gnutls-serv'],
    run: () =>
      withWorld(async (world) => {
        const keys = join(world.folder, 'keys');
        writeFileSync(keys, `${PSK_IDENTITY}:${PSK_HEX}\n`);
        for (const exchange of ['PSK', 'ECDHE-PSK']) {
          const priority = `NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+${exchange}`;
          await withServer(
            'gnutls-serv',
            (port) => gnutlsServer('--port', port, '--priority', priority, '--pskpasswd', keys),
            async (port) => {
              await connected(port, clientContext({ psk }), {}, async (channel) => {
                assert.match(channel.cipherSuite, new RegExp(`^TLS_${exchange.replace('-', '_')}_WITH_`));
                await channel.send(Buffer.from('bowline\n'));
                assert.equal(await text(channel), 'bowline\n');
              });
            },
          );
        }
      }),
  },
];

const socat = [
  {
    name: 'client of socat OPENSSL-DTLS-LISTEN, with a client certificate',
    needs: ['openssl', 'socat'],
    run: () =>
      withWorld((world) => {
        const { cert, key } = world.server;
        return withServer(
          'socat',
          (port) => [
            `OPENSSL-DTLS-LISTEN:${port},bind=127.0.0.1,cert=${cert},key=${key},cafile=${world.ca},verify=1`,
            'EXEC:cat',
          ],
          async (port) => {
            await connected(port, await clientOf(world, { identity: world.client }), {}, async (channel) => {
              await channel.send(Buffer.from('bowline\n'));
              assert.equal(await text(channel), 'bowline\n');
            });
          },
        );
      }),
  },
  {
    name: 'server for socat OPENSSL-DTLS-CONNECT',
    needs: ['openssl', 'socat'],
    run: () =>
      withWorld(async (world) => {
        const { seen, handler } = greeter();
        await serving(handler, await serverOf(world), async (port) => {
          // socat leaves OpenSSL at its smallest MTU, and a server drops hellos in pieces; with few suites, it fits.
          const options = [
            ...[`cafile=${world.ca}`, `commonname=${SERVER_NAME}`, 'cipher=ECDHE-ECDSA-AES128-GCM-SHA256'],
          ];
          const address = `OPENSSL-DTLS-CONNECT:127.0.0.1:${[port, ...options].join(',')}`;
          await withProgram('socat', ['-', address], talkToGreeter);
          await untilSeen(seen, 2);
        });
        assert.equal(seen[1], 'ended');
      }),
  },
];

const trioProgram = fileURLToPath(new URL('../peers/trio_dtls.py', import.meta.url));

/** Debian's packages belong to Debian's own Python, which need not be the first on PATH. */
function withTrio(args, body) {
  return withProgram('/usr/bin/python3', [trioProgram, ...args], body);
}

const trio = ['ec', 'rsa'].flatMap((serverKey) => [
  {
    name: `client of a Trio server with ${serverKey} certificates: 100 echoes, and both ends agree how it ended`,
    needs: ['openssl', 'trio', 'pyopenssl'],
    run: () =>
      withWorld(
        (world) =>
          withTrio(['server', world.ca, world.server.cert, world.server.key], async ({ readLine }) => {
            const port = Number(await readLine());
            await connected(port, await clientOf(world, { identity: world.client }), {}, async (channel) => {
              for (let i = 0; i < 100; i++) {
                await channel.send(Buffer.from(`message ${i}`));
                assert.equal(await text(channel), `message ${i}`);
              }
            });
            assert.equal(await readLine(), 'ended');
            const anonymous = connected(port, await clientOf(world), {}, () => assert.fail('it has connected'));
            await assert.rejects(anonymous, refusedBy(/handshake.failure/i));
          }),
        { serverKey },
      ),
  },
  {
    // No close_notify: this Trio sends none.
    name: `server for a Trio client with ${serverKey} certificates: 100 echoes`,
    needs: ['openssl', 'trio', 'pyopenssl'],
    run: () =>
      withWorld(
        async (world) => {
          const seen = [];
          const handler = async (channel) => {
            seen.push(hasShown(channel, world.client));
            for await (const message of channel) await channel.send(message);
          };
          const context = await serverOf(world, { clientAuth: 'require' });
          await serving(handler, context, async (port) => {
            const args = ['client', world.ca, world.client.cert, world.client.key, port];
            await withTrio(args, async ({ child, readLine }) => {
              assert.match(await readLine(), /^echoed 100 1\d\d\d$/);
              assert.equal((await child.wait()).exitCode, 0);
            });
          });
          assert.deepEqual(seen, [true]);
        },
        { serverKey },
      ),
  },
]);

export default [...openssl, ...gnutls, ...socat, ...trio].map((one) => ({
  ...one,
  run: () => failAfter(LIMIT_MS, one.run),
}));
