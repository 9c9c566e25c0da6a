import { objectSuite } from './suite.ts';

objectSuite('Azure block blobs', { backend: 'azure' });
