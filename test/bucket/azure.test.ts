import { bucketSuite } from './suite.ts';

bucketSuite('Azure block blobs', { backend: 'azure' });
