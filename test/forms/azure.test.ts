import { formSuite } from './suite.ts';

formSuite('Azure block blobs', { backend: 'azure' });
