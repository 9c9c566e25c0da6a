import { accessSuite } from './suite.ts';

accessSuite('Google Cloud Storage', 'gcs');
