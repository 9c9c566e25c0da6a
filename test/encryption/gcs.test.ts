import { encryptionSuite } from './suite.ts';

encryptionSuite('Google Cloud Storage', { backend: 'gcs' });
