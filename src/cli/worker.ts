/** One serving process: gateway and server together. */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { type Config, ConfigError, type Credential } from '../config.ts';
import { createGateway } from '../gateway.ts';
import type { Admission } from '../identities.ts';
import type { Logger } from '../log.ts';
import { type Certificate, createServer } from '../server.ts';

export interface ServingProcess {
  readonly address: AddressInfo;
  /** Lets in who is to be let in from now on, and shows new connections the certificate that is there now. */
  renew(admission: Admission): void;
  /** Lets open requests finish, then lets go of everything. Called again, it is the same end. */
  stop(): Promise<void>;
}

/** @param janitor whether this process cleans up; one of a machine is enough */
export async function startServing(
  config: Config,
  credentials: readonly Credential[],
  log: Logger,
  { janitor }: { readonly janitor: boolean },
): Promise<ServingProcess> {
  const gateway = await createGateway(config, credentials, log);
  const server = createServer({
    app: gateway,
    log,
    listen: config.listen,
    tls: config.tls && readCertificate(config.tls),
    ready: () => gateway.ready(),
    baseDomains: config.baseDomains,
    limits: config.limits,
    timeouts: config.timeouts,
  });
  let address: AddressInfo;
  try {
    address = await server.listen();
  } catch (error) {
    await gateway.close();
    throw error;
  }
  if (janitor) gateway.janitor.start();
  let ending: Promise<void> | undefined;
  // It serves all the same: what is away may come later. One process of a machine says so.
  if (janitor) {
    void gateway.ready().catch((error: unknown) => {
      if (ending === undefined) log.warn('a service does not answer: what needs it will fail', { error });
    });
  }
  const end = async (): Promise<void> => {
    const cut = await server.drain(config.timeouts.drainMs);
    if (cut > 0) log.warn('requests were cut off: they took longer than timeouts.drain', { requests: cut });
    await gateway.close();
  };
  return {
    address,
    renew(admission) {
      gateway.admit(admission);
      if (config.tls === undefined) return;
      try {
        server.renewCertificate(readCertificate(config.tls));
        log.info('the certificate was read again', { file: config.tls.certFile });
      } catch (error) {
        log.error('the certificate cannot be used: it stays as it was', { error });
      }
    },
    stop() {
      ending ??= end();
      return ending;
    },
  };
}

function readCertificate({ certFile, keyFile }: NonNullable<Config['tls']>): Certificate {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** Why it does not start, in words for who started it. */
export function startProblem(error: unknown, config: Config): string {
  if (error instanceof ConfigError) return `a problem in the configuration\n\n${error.message}`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const { host, port } = config.listen;
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use by another process: end it, or set PARTWAY_LISTEN to another port`;
    case 'EACCES':
      return `port ${port} may not be used by this user: set PARTWAY_LISTEN to a port above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine: set PARTWAY_LISTEN to one that is`;
    default:
      return `could not start: ${error instanceof Error ? error.message : String(error)}`;
  }
}
