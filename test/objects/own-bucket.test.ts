import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';

describe("CreateBucket of one's own bucket", () => {
  it.each([
    ['us-east-1', 200, undefined, 'InvalidLocationConstraint'],
    ['eu-central-1', 409, 'BucketAlreadyOwnedByYou', 'IllegalLocationConstraintException'],
  ])('in %s: %i', async (region, status, code, elsewhere) => {
    const gateway = await startGateway({ env: { PARTWAY_REGION: region } });
    try {
      const path = `/own-${randomBytes(4).toString('hex')}`;
      const create = (constraint = region === 'us-east-1' ? '' : region) =>
        send(gateway.endpoint, {
          method: 'PUT',
          path,
          region,
          body:
            constraint === ''
              ? ''
              : `<CreateBucketConfiguration><LocationConstraint>${constraint}</LocationConstraint></CreateBucketConfiguration>`,
        });
      const refused = await create('eu-west-9');
      expect([refused.status, refused.element('Code')]).toEqual([400, elsewhere]);
      const first = await create();
      expect([first.status, first.headers['location']]).toEqual([200, path]);
      await send(gateway.endpoint, { method: 'PUT', path: `${path}/kept`, region, body: 'x' });
      const second = await create();
      expect([second.status, second.element('Code')]).toEqual([status, code]);
      expect((await send(gateway.endpoint, { method: 'GET', path: `${path}/kept`, region })).text).toBe('x');
    } finally {
      await gateway.stop();
    }
  });
});
