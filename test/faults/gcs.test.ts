import { afterAll } from 'vitest';
import { type FakeGcs, startGcsServer } from '../setup/gcs.ts';
import { describeBackendOutages } from './backend-outages.ts';
import { startStand } from './kit.ts';

let server: FakeGcs | undefined;
afterAll(() => server?.stop());

describeBackendOutages('fake-gcs-server', async () =>
  startStand(
    () => server?.port ?? 0,
    (proxied) => ({
      backend: 'gcs',
      env: { PARTWAY_GCS_ENDPOINT: `http://127.0.0.1:${proxied}`, PARTWAY_TIMEOUTS_BACKEND: '6s' },
    }),
    async (proxy) => {
      // It answers under the address that its clients use: the proxy's.
      const started = await startGcsServer(proxy.port);
      if ('unavailable' in started) throw new Error(started.unavailable);
      server = started;
    },
  ),
);
