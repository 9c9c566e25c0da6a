import { devConnectionString } from '../setup/azurite.ts';
import { describeBackendOutages } from './backend-outages.ts';
import { startStand } from './kit.ts';

const azurite = /BlobEndpoint=http:\/\/127\.0\.0\.1:(\d+)/;

describeBackendOutages('Azurite', async () => {
  const port = Number(azurite.exec(process.env['TEST_AZURITE_CONNECTION_STRING'] ?? '')?.[1]);
  return startStand(
    () => port,
    (proxied) => ({
      backend: 'azure',
      env: {
        PARTWAY_AZURE_CONNECTION_STRING: devConnectionString(`http://127.0.0.1:${proxied}`),
        PARTWAY_TIMEOUTS_BACKEND: '6s',
      },
    }),
  );
});
