import { uploadPathSuite } from './suite.ts';

uploadPathSuite('Google Cloud Storage', { backend: 'gcs', store: 'redis' });
