/**
 * Starts the servers that the tests need, each on a free port, and ends them by process id.
 * One that can't be had is said loudly; under CI=true it fails the run, because its tests would prove nothing.
 */
import { start as startAzurite } from './azurite.ts';
import { start as startGcs } from './gcs.ts';
import { start as startRedis } from './redis.ts';
import type { Service, StartService } from './service.ts';
import { start as startTools } from './tools.ts';

const services: ReadonlyArray<readonly [name: string, start: StartService]> = [
  ['Redis', startRedis],
  ['Azurite', startAzurite],
  ['fake-gcs-server', startGcs],
  ['curl and openssl', startTools],
];

export default async function setup(): Promise<() => Promise<void>> {
  // Whoever sits behind a proxy has these servers here all the same.
  for (const name of ['NO_PROXY', 'no_proxy'])
    process.env[name] = [process.env[name], '127.0.0.1', 'localhost'].filter(Boolean).join(',');
  const running: Service[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(running.splice(0).map((service) => service.stop()));
  };
  const missing: string[] = [];
  await Promise.all(
    services.map(async ([name, start]) => {
      const service = await start();
      if ('unavailable' in service) {
        missing.push(`${name}: ${service.unavailable}`);
        return;
      }
      running.push(service);
      Object.assign(process.env, service.env);
    }),
  );
  for (const line of missing) console.error(`\n!!! THESE TESTS DO NOT RUN: ${line}\n`);
  if (missing.length > 0 && process.env['CI'] === 'true') {
    await stop();
    throw new Error(`under CI=true every service must run:\n${missing.join('\n')}`);
  }
  return stop;
}
