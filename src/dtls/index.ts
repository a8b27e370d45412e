/** bowline/dtls: DTLS 1.2 over any UDP socket, as channels of messages. */
export { HandshakeFailure, PeerAlertError } from '../protocols/dtls/alert.ts';
export { MessageTooLongError } from '../protocols/dtls/connection.ts';
export { DtlsChannel } from './dtls-channel.ts';
export type { DtlsChannelStatistics } from './dtls-channel.ts';
export { DtlsEndpoint } from './dtls-endpoint.ts';
export type { DropReason, DtlsEndpointStatistics, DtlsServeOptions } from './dtls-endpoint.ts';
export { DtlsListener } from './dtls-listener.ts';
export type {
  DtlsClientOptions,
  DtlsEndpointOptions,
  DtlsListenOptions,
  DtlsOptions,
  SrtpProfile,
} from './dtls-options.ts';
export { openDtlsChannel, serveDtls } from './dtls-over-udp.ts';
export type { OpenDtlsChannelOptions, ServeDtlsOptions } from './dtls-over-udp.ts';
export type { DtlsSession } from './session.ts';
