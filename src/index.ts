/** bowline: the paved path. Everything else is in the subpaths. */
export * from './core/index.ts';
export * from './tasks/index.ts';
export { openTcpListeners, openTcpStream, serveListeners, serveTcp } from './sockets/index.ts';
