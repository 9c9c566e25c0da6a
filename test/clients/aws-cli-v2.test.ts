import { debian } from './kit/install.ts';
import { awsCliSuite } from './suites/aws-cli.ts';

/** Debian's version is from 2023: a client of before the checksum defaults. */
await awsCliSuite({
  name: 'aws cli v2',
  install: debian('awscli', 'aws', { at: '/usr/bin/aws' }),
  must: true,
  conditionalWrites: false,
});
