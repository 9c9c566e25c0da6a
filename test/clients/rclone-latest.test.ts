import { golang } from './kit/install.ts';
import { rcloneSuite } from './suites/rclone.ts';

await rcloneSuite({
  name: 'rclone latest',
  install: golang('github.com/rclone/rclone', 'v1.76.0', 'rclone'),
  must: false,
});
