import { formSuite } from './suite.ts';

formSuite('Google Cloud Storage', { backend: 'gcs' });
