/** The schemes of the library. A new one is one line here. */
import type { Scheme } from '../scheme.ts';
import { dtls } from './dtls.ts';
import { exec } from './exec.ts';
import { httpProxy, httpsProxy, socks4a, socks5 } from './proxy.ts';
import { stdio } from './stdio.ts';
import { tcp } from './tcp.ts';
import { tls } from './tls.ts';
import { udp } from './udp.ts';
import { unix } from './unix.ts';

export const builtInSchemes: readonly Scheme[] = Object.freeze([
  tcp,
  tls,
  udp,
  dtls,
  unix,
  exec,
  stdio,
  socks5,
  socks4a,
  httpProxy,
  httpsProxy,
]);
