import { encryptionSuite } from './suite.ts';

encryptionSuite('a local directory', {});
