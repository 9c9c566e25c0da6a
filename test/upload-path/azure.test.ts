import { startStrictAzure } from '../strict/azure/proxy.ts';
import { uploadPathSuite } from './suite.ts';

/** Through the rules of the real service, which Azurite alone does not hold. */
uploadPathSuite('Azure block blobs', { backend: 'azure' }, async () => {
  const strict = await startStrictAzure({ upstream: process.env['TEST_AZURITE_CONNECTION_STRING'] ?? '' });
  return {
    env: { PARTWAY_AZURE_CONNECTION_STRING: strict.connectionString },
    stop: () => strict.stop(),
  };
});
