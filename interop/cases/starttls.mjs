/**
 * STARTTLS as a client of prosody (XMPP), dovecot (IMAP) and PostgreSQL (SSLRequest), and as a server for openssl s_client.
 *
 * The dialogues are written out here, as a user would: what bowline adds begins at the word that both sides agreed on.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ProtocolError } from 'bowline/core';
import { openProcess, openTcpStream, serveTcp } from 'bowline/sockets';
import { BufferedStream } from 'bowline/streams';
import { failAfter, openNursery } from 'bowline/tasks';
import { startTls } from 'bowline/tls';

import { eventually, findProgram, freePort } from '../programs.mjs';
import { clientOf, SERVER_NAME, serverOf, withWorld } from '../tls-world.mjs';
import { withPostgres } from './postgres.mjs';

const text = (bytes) => Buffer.from(bytes).toString();

/** A program that serves on `port` until `body` is done. */
async function withServer(program, args, port, body) {
  const server = await openProcess(findProgram(program), args, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' });
  try {
    await eventually(async () => (await openTcpStream('127.0.0.1', port)).close());
    await body();
  } finally {
    server.terminate();
    await server.close();
  }
}

async function overBuffered(port, body) {
  const stream = new BufferedStream(await openTcpStream('127.0.0.1', port));
  try {
    await failAfter(10_000, () => body(stream, (words) => stream.sendAll(Buffer.from(words))));
  } finally {
    stream.abort();
  }
}

const xmpp = {
  name: 'XMPP client of prosody',
  needs: ['openssl', 'prosody'],
  run: () =>
    withWorld(async (world) => {
      const { folder } = world;
      const port = await freePort();
      mkdirSync(join(folder, 'data'));
      const settings = `
        run_as_root = true
        pidfile = "${folder}/pid"; data_path = "${folder}/data"; certificates = "${folder}"
        log = { error = "${folder}/log" }
        modules_enabled = { "tls", "saslauth" }; modules_disabled = { "s2s" }
        c2s_interfaces = { "127.0.0.1" }; c2s_ports = { ${port} }; c2s_direct_tls_ports = {}; s2s_ports = {}
        http_ports = {}; https_ports = {}; c2s_require_encryption = true
        VirtualHost "${SERVER_NAME}"
          ssl = { certificate = "${world.server.cert}", key = "${world.server.key}" }`;
      writeFileSync(join(folder, 'prosody.cfg.lua'), settings);
      await withServer('prosody', ['-F', '--config', join(folder, 'prosody.cfg.lua')], port, () =>
        overBuffered(port, async (stream, send) => {
          const opening = `<stream:stream to='${SERVER_NAME}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
          await send(`<?xml version='1.0'?>${opening}`);
          const offer = text(await stream.receiveUntil('</stream:features>'));
          assert.match(offer, /<starttls/);
          assert.doesNotMatch(offer, /PLAIN/);
          await send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
          assert.match(text(await stream.receiveUntil('>')), /<proceed/);
          const secure = await startTls(stream, await clientOf(world), { serverName: SERVER_NAME });
          await assert.rejects(stream.sendAll(Buffer.from('clear')), { code: 'ERR_BOWLINE_CLOSED' });
          await secure.sendAll(Buffer.from(opening));
          assert.match(text(await new BufferedStream(secure).receiveUntil('</stream:features>')), /mechanism/);
          await secure.close();
        }),
      );
    }),
};

const imap = {
  name: 'IMAP client of dovecot',
  needs: ['openssl', 'dovecot'],
  run: () =>
    withWorld(async (world) => {
      const { folder } = world;
      const port = await freePort();
      chmodSync(folder, 0o755);
      const settings = `
        base_dir = ${folder}/run
        state_dir = ${folder}/run
        log_path = ${folder}/log
        protocols = imap
        ssl = required
        ssl_cert = <${world.server.cert}
        ssl_key = <${world.server.key}
        mail_location = maildir:${folder}/mail
        default_internal_user = nobody
        default_internal_group = nogroup
        default_login_user = nobody
        service imap-login {
          chroot =
          inet_listener imap {
            address = 127.0.0.1
            port = ${port}
          }
          inet_listener imaps {
            port = 0
          }
        }
        service anvil {
          chroot =
        }
        passdb {
          driver = static
          args = nopassword=y
        }
        userdb {
          driver = static
          args = uid=nobody gid=nogroup home=${folder}/mail
        }
        `.replaceAll(/^ {8}/gm, '');
      writeFileSync(join(folder, 'dovecot.conf'), settings);
      await withServer('dovecot', ['-F', '-c', join(folder, 'dovecot.conf')], port, () =>
        overBuffered(port, async (stream, send) => {
          assert.match(await stream.receiveLine(), /STARTTLS/);
          await send('a1 STARTTLS\r\n');
          assert.match(await stream.receiveLine(), /^a1 OK/);
          const secure = new BufferedStream(await startTls(stream, await clientOf(world), { serverName: SERVER_NAME }));
          await secure.sendAll(Buffer.from('a2 CAPABILITY\r\n'));
          assert.match(text(await secure.receiveUntil('a2 OK')), /AUTH=PLAIN/);
          await secure.close();
        }),
      );
    }),
};

const postgres = {
  name: 'SSLRequest to PostgreSQL, and over TLS up to its word that there is no such user',
  needs: ['openssl', 'postgres', 'initdb'],
  run: () =>
    withWorld((world) =>
      withPostgres(
        ({ port }) =>
          overBuffered(port, async (stream, send) => {
            await send(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
            assert.equal(text(await stream.receiveExactly(1)), 'S');
            const secure = await startTls(stream, await clientOf(world), { serverName: SERVER_NAME });
            const parameters = Buffer.from('user\0nobody\0database\0postgres\0\0');
            const startup = Buffer.alloc(8);
            startup.writeUInt32BE(8 + parameters.length, 0);
            startup.writeUInt32BE(196_608, 4);
            await secure.sendAll([startup, parameters]);
            const answer = text(await new BufferedStream(secure).receiveUntil('does not exist'));
            assert.match(answer, /role "nobody" $/);
            await secure.close();
          }),
        { certificate: world.server },
      ),
    ),
};

/** What our server says, by protocol, up to the word that begins TLS. */
const servers = {
  async smtp(stream, send) {
    await send('220 server.test ESMTP\r\n');
    assert.match(await stream.receiveLine(), /^EHLO/);
    await send('250-server.test\r\n250 STARTTLS\r\n');
    assert.match(await stream.receiveLine(), /^STARTTLS/);
    await send('220 go ahead\r\n');
  },
  async imap(stream, send) {
    await send('* OK ready\r\n');
    assert.match(await stream.receiveLine(), /^\. CAPABILITY/);
    await send('* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK done\r\n');
    assert.match(await stream.receiveLine(), /^\. STARTTLS/);
    await send('. OK begin\r\n');
  },
  async xmpp(stream, send) {
    await stream.receiveUntil("version='1.0'>");
    await send("<stream:stream><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>");
    await stream.receiveUntil('/>');
    await send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  },
  async postgres(stream, send) {
    await stream.receiveExactly(8);
    await send('S');
  },
};

/** Serves one protocol's upgrade and then echoes a line; `body(port, ends)` gets what became of each connection. */
async function withOurServer(world, protocol, body) {
  const ends = [];
  await openNursery(async (nursery) => {
    const context = await serverOf(world);
    const handler = async (tcp) => {
      const stream = new BufferedStream(tcp);
      try {
        await servers[protocol](stream, (words) => stream.sendAll(Buffer.from(words)));
        const secure = new BufferedStream(await startTls(stream, context));
        await secure.sendAll(Buffer.from(`${await secure.receiveLine()} over TLS\n`));
        await secure.close();
        ends.push('served');
      } catch (error) {
        ends.push(error);
      }
    };
    const [listener] = await nursery.start((started) => serveTcp(handler, 0, { host: '127.0.0.1', started }));
    await body(listener.address.port, ends);
    nursery.cancelScope.cancel();
  });
}

const ours = Object.keys(servers).map((protocol) => ({
  name: `${protocol} server for openssl s_client -starttls`,
  needs: ['openssl'],
  run: () =>
    withWorld((world) =>
      withOurServer(world, protocol, async (port) => {
        const client = await openProcess(
          findProgram('openssl'),
          [
            ...['s_client', '-connect', `127.0.0.1:${port}`, '-starttls', protocol, '-xmpphost', SERVER_NAME],
            ...['-CAfile', world.ca, '-verify_return_error', '-verify_hostname', SERVER_NAME, '-quiet'],
          ],
          { stderr: 'ignore' },
        );
        await client.stdin.sendAll(Buffer.from('bowline\n'));
        const output = new BufferedStream(client.stdout);
        assert.match(text(await output.receiveUntil('over TLS\n')), /bowline/);
        client.terminate();
        await client.close();
      }),
    ),
}));

const injected = {
  name: 'commands sent in clear together with STARTTLS are refused, not run',
  needs: ['openssl'],
  run: () =>
    withWorld((world) =>
      withOurServer(world, 'smtp', async (port, ends) => {
        await overBuffered(port, async (stream, send) => {
          await stream.receiveLine();
          await send('EHLO client.test\r\nSTARTTLS\r\nMAIL FROM:<somebody@else.test>\r\n');
          await assert.rejects(async () => {
            for (;;) if ((await stream.receiveSome()) === null) throw new Error('ended');
          });
        });
        assert.ok(ends[0] instanceof ProtocolError);
      }),
    ),
};

export default [xmpp, imap, postgres, ...ours, injected];
