import { uploadPathSuite } from './suite.ts';

uploadPathSuite('a local directory with Redis', { store: 'redis' });
