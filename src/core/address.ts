/** Where a socket is: the two address families of bowline. */
export interface InetAddress {
  readonly family: 4 | 6;
  /** Canonical text (RFC 5952 for IPv6), without brackets and without zone. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
  /** IPv6 zone of a link-local address: an interface name or index. */
  readonly scopeId?: string | undefined;
}

export interface UnixAddress {
  readonly family: 'unix';
  /** A file system path, or on Windows a pipe name; empty for an unnamed socket. */
  readonly path: string;
}

export type SocketAddress = InetAddress | UnixAddress;
