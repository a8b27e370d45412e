/** bowline/testing: virtual time, scripted order, streams in memory, certificates, and the checks that every stream must pass. */
export { testCertificates } from './certificates/test-certificates.ts';
export type { TestCertificates, TestCertificatesOptions } from './certificates/test-certificates.ts';
export type { TestCertificate } from './certificates/test-certificate.ts';
export type { LeafOptions } from '../trust/authority/authority.ts';
export type { Extension, Purpose } from '../trust/authority/extensions.ts';
export type { KeyAlgorithm, SignatureHash, SigningKey } from '../trust/authority/key-algorithm.ts';
export type { OcspOptions } from '../trust/authority/ocsp-response.ts';
export type { Revocation, RevocationListOptions } from '../trust/authority/revocation-list.ts';
export { checkChannel } from './check-channel.ts';
export { checkDatagramSocket } from './check-datagram-socket.ts';
export { checkListener } from './check-listener.ts';
export type { MadeListener } from './check-listener.ts';
export { checkHalfCloseableStream, checkOneWayStream, checkTwoWayStream } from './check-streams.ts';
export { ContractError } from './contract-check.ts';
export type { CheckOptions, Maker } from './contract-check.ts';
export { lockstepStreamOneWayPair, lockstepStreamPair } from './lockstep-stream.ts';
export {
  memoryStreamOneWayPair,
  memoryStreamPair,
  memoryStreamPump,
  MemoryReceiveStream,
  MemorySendStream,
} from './memory-stream.ts';
export type {
  AsyncHook,
  MemoryReceiveStreamHooks,
  MemorySendStreamHooks,
  MemoryStream,
  MemoryStreamOptions,
} from './memory-stream.ts';
export { MockClock } from './mock-clock.ts';
export type { MockClockOptions } from './mock-clock.ts';
export { openStreamToSocketListener } from './open-stream-to-listener.ts';
export { Sequencer } from './sequencer.ts';
export type { LinkOptions } from './simulated-network/link.ts';
export type { SimulatedNat } from './simulated-network/nat.ts';
export type { PacketRouter, RoutedCopy, SimulatedPacket, TraceEntry } from './simulated-network/fabric.ts';
export type { SimulatedHost } from './simulated-network/simulated-host.ts';
export { SimulatedNetwork } from './simulated-network/simulated-network.ts';
export type { SimulatedHostOptions, SimulatedNetworkOptions } from './simulated-network/simulated-network.ts';
export { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';
