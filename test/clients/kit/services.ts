/** The emulators and the store of the test set-up, and what the gateway is told to use them. */
import type { Service, Unavailable } from '../../setup/service.ts';

export interface GatewayService {
  /** Environment variables for the gateway. */
  readonly settings: Readonly<Record<string, string>>;
  /** Environment variables for test processes. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export type ServiceName = 'azure' | 'gcs' | 'redis';

function start(name: ServiceName): Promise<Service | Unavailable> {
  switch (name) {
    case 'azure':
      return import('../../setup/azurite.ts').then((module) => module.start());
    case 'gcs':
      return import('../../setup/gcs.ts').then((module) => module.start());
    case 'redis':
      return import('../../setup/redis.ts').then((module) => module.start());
  }
}

function settingsOf(name: ServiceName, env: Service['env']): Record<string, string> {
  const value = (variable: string): string => {
    const found = env[variable];
    if (found === undefined) throw new Error(`the ${name} service does not tell its ${variable}`);
    return found;
  };
  switch (name) {
    case 'azure':
      return { PARTWAY_AZURE_CONNECTION_STRING: value('TEST_AZURITE_CONNECTION_STRING') };
    case 'gcs':
      return { PARTWAY_GCS_ENDPOINT: value('TEST_GCS_ENDPOINT'), PARTWAY_GCS_PROJECT_ID: 'partway-test' };
    case 'redis':
      return { PARTWAY_REDIS_URL: value('TEST_REDIS_URL') };
  }
}

/** Starts a service on a free port; one that can't be had says why. */
export async function startService(name: ServiceName): Promise<GatewayService | Unavailable> {
  const service = await start(name);
  if ('unavailable' in service) return service;
  return { settings: settingsOf(name, service.env), env: service.env, stop: () => service.stop() };
}
