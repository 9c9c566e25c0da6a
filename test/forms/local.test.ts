import { formSuite } from './suite.ts';

formSuite('a local directory', {});
