import { uploadPathSuite } from './suite.ts';

uploadPathSuite('a local directory with the embedded store and two workers', { workers: 2 });
