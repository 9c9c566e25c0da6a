import { objectSuite } from './suite.ts';

objectSuite('Google Cloud Storage', { backend: 'gcs' });
