/** The dialogues by the names that they have in addresses. */
import type { startTlsProtocols } from '../grammar/tls.ts';
import type { Dialogue } from './dialogue.ts';
import { imap } from './imap.ts';
import { ldap } from './ldap.ts';
import { pop3 } from './pop3.ts';
import { postgres } from './postgres.ts';
import { smtp } from './smtp.ts';
import { xmpp } from './xmpp.ts';

export const dialogues: Readonly<Record<(typeof startTlsProtocols)[number], Dialogue>> = {
  smtp,
  imap,
  pop3,
  xmpp,
  ldap,
  postgres,
};
