/** `partway serve` */
import type { AddressInfo } from 'node:net';
import { generatedCredential } from '../config/generated.ts';
import { type Config, ConfigError, type Credential, hasKeys } from '../config.ts';
import type { Admission } from '../identities.ts';
import type { Logger } from '../log.ts';
import { banner, endpoint } from './banner.ts';
import { createProcessLog } from './process-log.ts';
import { listenForReload, type Reloads } from './reload.ts';
import { listenForStop } from './stop-signals.ts';
import { version } from './version.ts';

/** Serves until it is told to stop. @param load reads the configuration again @returns exit status */
export async function serve(config: Config, load: () => Config): Promise<number> {
  const generated = hasKeys(config) ? undefined : generatedCredential(config.stateDir);
  const credentials = generated === undefined ? config.credentials : [generated.credential];
  const log = createProcessLog(config, credentials);
  const reloads = listenForReload(() => admissionOf(load()), log);
  const announce = (address: AddressInfo): void => {
    process.stdout.write(banner(version(), config, address, generated));
    log.info('listening', {
      version: version(),
      endpoint: endpoint(config, address),
      workers: config.workers,
      pid: process.pid,
      ...(generated && { credentials: generated.file }),
    });
    if (config.redis !== undefined && config.encryption.keys.length === 0) {
      log.info('AES256 is not offered: gateways that share Redis need encryption.keys, the same for all');
    }
  };
  const status = await (config.workers === 1 ? serveAlone : serveInCluster)(
    config,
    credentials,
    log,
    announce,
    reloads,
  );
  if (status === 0) log.info('stopped');
  await log.flush();
  return status;
}

type Serve = (
  config: Config,
  credentials: readonly Credential[],
  log: Logger,
  announce: (address: AddressInfo) => void,
  reloads: Reloads,
) => Promise<number>;

function admissionOf(config: Config): Admission {
  const { anonymous, identities } = config;
  const credentials = hasKeys(config)
    ? config.credentials
    : [generatedCredential(config.stateDir).credential];
  return { credentials, identities, anonymous };
}

const serveAlone: Serve = async (config, credentials, log, announce, reloads) => {
  const signals = listenForStop((status) => {
    log.flushSync();
    process.exit(status);
  });
  const { startProblem, startServing } = await import('./worker.ts');
  let serving: Awaited<ReturnType<typeof startServing>>;
  try {
    serving = await startServing(config, credentials, log, { janitor: true });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    log.error('could not start', { error });
    await log.flush();
    process.stderr.write(`partway: ${startProblem(error, config)}\n`);
    return 1;
  }
  reloads.deliver((admission) => serving.renew(admission));
  announce(serving.address);
  log.info('stopping', { signal: await signals.first });
  await serving.stop();
  return 0;
};

const serveInCluster: Serve = async (config, credentials, log, announce, reloads) => {
  const { serveCluster } = await import('./cluster.ts');
  return await serveCluster(config, credentials, log, announce, reloads);
};
