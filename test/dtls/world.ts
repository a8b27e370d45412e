/** A client and a server host on a simulated network, in virtual time. */
import type { InetAddress } from 'bowline/core';
import { DtlsEndpoint } from 'bowline/dtls';
import type { DtlsChannel, DtlsClientOptions, DtlsListenOptions } from 'bowline/dtls';
import { openUdpSocket } from 'bowline/sockets';
import { openNursery, withClock } from 'bowline/tasks';
import type { Nursery } from 'bowline/tasks';
import { MockClock, SimulatedNetwork, testCertificates } from 'bowline/testing';
import type { LinkOptions } from 'bowline/testing';
import { clientContext, pki, serverContext } from 'bowline/trust';

export const certificates = testCertificates();
export const clientSide = clientContext({ verify: pki({ roots: certificates.roots }) });
export const serverSide = serverContext({ identity: certificates.good.identity });

export type Channel = DtlsChannel<DtlsEndpoint>;

export class World {
  readonly network: SimulatedNetwork;
  readonly nursery: Nursery;
  readonly #endpoints: DtlsEndpoint[] = [];

  constructor(network: SimulatedNetwork, nursery: Nursery) {
    this.network = network;
    this.nursery = nursery;
  }

  /** An endpoint on a host. */
  async endpoint(
    host: string,
    port = 0,
    options?: ConstructorParameters<typeof DtlsEndpoint>[1],
  ): Promise<DtlsEndpoint> {
    const socket = await this.network.host(host).run(() => openUdpSocket({ host: '0.0.0.0', port }));
    const endpoint = new DtlsEndpoint(socket, options);
    this.#endpoints.push(endpoint);
    return endpoint;
  }

  addressOf(host: string, port = 5684): InetAddress {
    const found = this.network.host(host).addresses.find(({ family }) => family === 4);
    if (found === undefined) throw new Error(`no address of ${host}`);
    return { ...found, port };
  }

  /** An echo server on `server:5684`. */
  async echo(options: DtlsListenOptions = {}, context = serverSide, host = 'server'): Promise<DtlsEndpoint> {
    const endpoint = await this.endpoint(host, 5684);
    await this.nursery.start((started) => endpoint.serve(echo, context, { ...options, started: () => started() }));
    return endpoint;
  }

  async connect(options: Partial<DtlsClientOptions> = {}, context = clientSide): Promise<Channel> {
    const endpoint = await this.endpoint('client');
    return endpoint.connect(this.addressOf('server'), context, { serverName: 'localhost', ...options });
  }

  async close(): Promise<void> {
    for (const endpoint of this.#endpoints) await endpoint.close();
  }
}

export async function echo(channel: Channel): Promise<void> {
  for await (const message of channel) await channel.send(message);
}

/** Runs in virtual time; whatever was opened is closed afterwards. */
export async function inWorld(link: LinkOptions, body: (world: World) => Promise<void>, seed = 1): Promise<void> {
  await withClock(new MockClock(), async () => {
    const network = new SimulatedNetwork({ seed, link, trace: false });
    network.host('client');
    network.host('server');
    await openNursery(async (nursery) => {
      const world = new World(network, nursery);
      try {
        await body(world);
      } finally {
        await world.close();
        nursery.cancelScope.cancel();
      }
    });
  });
}

export const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);
