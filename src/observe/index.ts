/** bowline/observe: what the library tells a program that watches it. */
export * from './connections.ts';
export * from './events.ts';
export * from './report.ts';
