import { accessSuite } from './suite.ts';

accessSuite('Azure block blobs', 'azure');
