import { accessSuite } from './suite.ts';

accessSuite('a local directory', 'local');
