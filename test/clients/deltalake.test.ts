import path from 'node:path';
import { test } from 'vitest';
import { pypi } from './kit/install.ts';
import { run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';

/** The cases are Python: suites/deltalake_cases.py. The client below is Rust's object_store. */
const cases = [
  'create_and_append',
  'concurrent_writers_all_land',
  'merge_delete_and_time_travel',
  'compact_and_vacuum',
] as const;

await clientSuite(
  {
    name: 'deltalake',
    install: pypi('deltalake', ['deltalake==1.6.6', 'pyarrow==26.0.1', 'boto3==1.44.5']),
    must: false,
  },
  (use) => {
    for (const name of cases) {
      test(name.replaceAll('_', ' '), async () => {
        const { program, aws, bucket, work, target } = use();
        await run(program, [path.join(import.meta.dirname, 'suites/deltalake_cases.py'), name], {
          cwd: work,
          env: { ...aws, CASE_BUCKET: bucket, CASE_ENDPOINT: target.endpoint },
        });
      });
    }
  },
);
