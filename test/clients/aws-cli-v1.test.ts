import { pypi } from './kit/install.ts';
import { awsCliSuite } from './suites/aws-cli.ts';

await awsCliSuite({
  name: 'aws cli v1',
  install: pypi('awscli', ['awscli==1.46.3'], 'aws'),
  must: true,
  alsoOn: ['azure', 'gcs'],
  conditionalWrites: true,
});
