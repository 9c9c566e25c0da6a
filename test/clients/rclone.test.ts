import { debian } from './kit/install.ts';
import { rcloneSuite } from './suites/rclone.ts';

/** Debian's version: the AWS SDK for Go v1, which signs and checks in the ways of before 2025. */
await rcloneSuite({
  name: 'rclone',
  install: debian('rclone', 'rclone', { at: '/usr/bin/rclone' }),
  must: true,
  alsoOn: ['azure', 'gcs'],
});
