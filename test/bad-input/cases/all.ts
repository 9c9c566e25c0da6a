import type { BadCase } from '../case.ts';
import { authCases } from './auth.ts';
import { bucketCases } from './buckets.ts';
import { abortCases, completeCases, listCases, listPartsCases } from './complete.ts';
import { objectCases } from './objects.ts';
import { uploadPartCases, uploadPartCopyCases } from './parts.ts';
import { createMultipartUploadCases, putObjectCases } from './writes.ts';

export const allCases: readonly BadCase[] = [
  ...createMultipartUploadCases,
  ...uploadPartCases,
  ...uploadPartCopyCases,
  ...completeCases,
  ...abortCases,
  ...listPartsCases,
  ...putObjectCases,
  ...objectCases,
  ...listCases,
  ...bucketCases,
  ...authCases,
];

/** Those whose judgement needs the backend. */
export const backendCases: readonly BadCase[] = allCases.filter(({ backend }) => backend === true);
