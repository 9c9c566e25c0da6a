/** `accessPoints:` of the file. */
import { type Reader, toMapping } from './reader.ts';
import { accessPointSettings } from './settings.ts';
import type { AccessPointConfig } from './types.ts';

/** `region` is that of access points that name none. */
export function readAccessPoints(
  reader: Reader,
  list: unknown,
  region: string,
): readonly AccessPointConfig[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) {
    reader.report(
      reader.place(['accessPoints']),
      'is not a list',
      'write `- name: …`, `account: …` and `bucket: …` below it',
    );
    return [];
  }
  const points: AccessPointConfig[] = [];
  for (const [index, entry] of list.entries()) {
    const path = ['accessPoints', String(index)];
    const place = `${reader.place(['accessPoints'])}[${index}]`;
    reader.refuseUnknown(toMapping(entry), path, accessPointSettings);
    const {
      name,
      account,
      bucket,
      outpost,
      region: own = region,
    } = reader.read(accessPointSettings, toMapping(entry), path, { environment: false });
    const missing = Object.entries({ name, account, bucket }).filter(
      ([key, value]) => value === undefined && !reader.isFaulty(`${path.join('.')}.${key}`),
    );
    for (const [key] of missing) {
      reader.report(place, `has no ${key}`, 'give each access point name, account and bucket');
    }
    if (name === undefined || account === undefined || bucket === undefined) continue;
    const point = { name, account, bucket, region: own, outpost };
    if (points.some((other) => isSame(other, point))) {
      reader.report(place, `is given twice: ${name} of account ${account}`, 'keep one of them');
    } else points.push(point);
  }
  return points;
}

function isSame(one: AccessPointConfig, other: AccessPointConfig): boolean {
  return (
    one.name === other.name &&
    one.account === other.account &&
    one.region === other.region &&
    one.outpost === other.outpost
  );
}
