/** Numbers of the extensions that are spoken here. */
export const extensionType = {
  serverName: 0,
  maxFragmentLength: 1,
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  applicationLayerProtocolNegotiation: 16,
  clientCertificateType: 19,
  serverCertificateType: 20,
  extendedMasterSecret: 23,
  recordSizeLimit: 28,
  sessionTicket: 35,
  connectionId: 54,
  renegotiationInfo: 0xff01,
} as const;
