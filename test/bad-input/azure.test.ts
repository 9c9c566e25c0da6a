import { backendCases } from './cases/all.ts';
import { badInputSuite } from './runner.ts';

badInputSuite('Azure block blobs', { backend: 'azure' }, backendCases);
