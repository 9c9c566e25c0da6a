import { backendCases } from './cases/all.ts';
import { badInputSuite } from './runner.ts';

badInputSuite('Google Cloud Storage', { backend: 'gcs' }, backendCases);
