import { bucketSuite } from './suite.ts';

bucketSuite('Google Cloud Storage', { backend: 'gcs' });
