import { objectSuite } from './suite.ts';

objectSuite('a local directory', {});
