import { allCases } from './cases/all.ts';
import { badInputSuite } from './runner.ts';

badInputSuite('a local directory', {}, allCases);
