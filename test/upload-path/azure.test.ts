import { uploadPathSuite } from './suite.ts';

uploadPathSuite('Azure block blobs', { backend: 'azure' });
