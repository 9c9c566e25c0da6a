import path from 'node:path';
import { test } from 'vitest';
import { pypi } from './kit/install.ts';
import { run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';

/** The cases are Python: suites/pyarrow_cases.py. The client below is the AWS SDK for C++. */
const cases = [
  'make_bucket',
  'large_file',
  'tree',
  'parquet_dataset',
  'directories',
  'remove_bucket',
] as const;

await clientSuite({ name: 'pyarrow', install: pypi('pyarrow', ['pyarrow==26.0.1']), must: false }, (use) => {
  for (const name of cases) {
    test(name.replaceAll('_', ' '), async () => {
      const { program, aws, bucket, work, file, tree, target } = use();
      await run(program, [path.join(import.meta.dirname, 'suites/pyarrow_cases.py'), name], {
        cwd: work,
        env: {
          ...aws,
          CASE_BUCKET: bucket,
          CASE_ENDPOINT: target.endpoint,
          CASE_FILE: file.path,
          CASE_FILE_SHA256: file.sha256,
          CASE_TREE: tree,
        },
      });
    });
  }
});
