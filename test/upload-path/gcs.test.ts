import { startStrictGcs } from '../strict/gcs/service.ts';
import { uploadPathSuite } from './suite.ts';

/** Through the rules of the real service: fake-gcs-server alone lets two conditional writers win. */
uploadPathSuite('Google Cloud Storage', { backend: 'gcs', store: 'redis' }, async () => {
  const strict = await startStrictGcs(process.env['TEST_GCS_ENDPOINT'] ?? '');
  return { env: { PARTWAY_GCS_ENDPOINT: strict.endpoint }, stop: () => strict.stop() };
});
