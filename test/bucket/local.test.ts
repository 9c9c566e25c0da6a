import { bucketSuite } from './suite.ts';

bucketSuite('a local directory', {});
