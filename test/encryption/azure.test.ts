import { encryptionSuite } from './suite.ts';

encryptionSuite('Azure block blobs', { backend: 'azure' });
