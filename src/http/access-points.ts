/** Access points: other names of buckets, by which hosts and ARNs address them. Which there are, the configuration says. */
import { S3Error } from '../s3/errors.ts';

export interface AccessPoint {
  readonly name: string;
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
  /** `op-…`; absent for an access point in a region. */
  readonly outpost?: string;
  readonly bucket: string;
}

/** The names of an access point. */
export type AccessPointName = Omit<AccessPoint, 'bucket'>;

/** `accesspoint/name`, `outpost/op-1/accesspoint/name`; the ARN's own separator may be a colon too. */
const arn =
  /^arn:aws[a-z-]*:(?:s3:([a-z0-9-]+):(\d{12}):accesspoint[:/]([a-z0-9-]+)|s3-outposts:([a-z0-9-]+):(\d{12}):outpost[:/](op-[a-z0-9]+)[:/]accesspoint[:/]([a-z0-9-]+))(?:\/(.*))?$/s;

export class AccessPoints {
  readonly #byName = new Map<string, AccessPoint>();

  constructor(points: readonly AccessPoint[]) {
    for (const point of points) this.#byName.set(textOf(point), point);
  }

  find(name: AccessPointName): AccessPoint | undefined {
    return this.#byName.get(textOf(name));
  }

  /** Throws NoSuchAccessPoint. */
  require(name: AccessPointName): AccessPoint {
    const point = this.find(name);
    if (point === undefined) {
      throw new S3Error('NoSuchAccessPoint', { extra: { AccessPointName: name.name } });
    }
    return point;
  }

  /**
   * Reads `{ARN of an access point}` or `{ARN}/{rest}`, percent-decoded; `undefined` for what is no such ARN, which is no bucket's
   * name either. Throws NoSuchAccessPoint.
   */
  ofArn(text: string): { readonly point: AccessPoint; readonly rest: string } | undefined {
    const found = arn.exec(text);
    if (found === null) return undefined;
    const [, region, account, name, opRegion, opAccount, outpost, opName, rest = ''] = found;
    const point = this.require({
      name: name ?? opName ?? '',
      account: account ?? opAccount ?? '',
      region: region ?? opRegion ?? '',
      ...(outpost !== undefined && { outpost }),
    });
    return { point, rest };
  }
}

export function accessPointArn({ account, name, outpost, region }: AccessPointName): string {
  return outpost === undefined
    ? `arn:aws:s3:${region}:${account}:accesspoint/${name}`
    : `arn:aws:s3-outposts:${region}:${account}:outpost/${outpost}/accesspoint/${name}`;
}

function textOf({ account, name, outpost, region }: AccessPointName): string {
  return `${region}:${account}:${outpost ?? ''}:${name}`;
}
