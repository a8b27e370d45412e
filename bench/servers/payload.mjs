// The bytes every server answers with (c/server.c and the Python servers hold the same).

/** 78 bytes. */
export const response = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!',
  'latin1',
);

/** What a bulk sender sends again and again: 64 KiB. */
export const piece = Buffer.alloc(65_536);
