import { describe, expect, it } from 'vitest';
import {
  actionGroups,
  bucketActions,
  groupAllows,
  objectActions,
  policyActions,
} from '../../src/access/actions.ts';
import { permissionFor } from '../../src/s3/access/permissions.ts';
import { operations } from '../../src/s3/table.ts';

describe('the permission of', () => {
  it.each(operations.map(({ action, permission, route }) => ({ action, permission, on: route.on })))(
    '$action is an action that policies know, $permission',
    ({ action, on, permission }) => {
      if (on === 'service') {
        expect([action, permission]).toEqual(['ListBuckets', 's3:ListAllMyBuckets']);
        return;
      }
      // Both are asked for each key, which a bucket's request brings in its body.
      const ofKeys = action === 'DeleteObjects' || action === 'PostObject';
      expect(on === 'bucket' && !ofKeys ? bucketActions : objectActions).toContain(permission);
    },
  );
});

it('those of versions are actions too', () => {
  for (const action of objectActions) expect(objectActions).toContain(permissionFor(action, true));
  expect(permissionFor('s3:GetObject', true)).toBe('s3:GetObjectVersion');
});

it('every action belongs to a group, only administration of buckets to none but admin', () => {
  const others = actionGroups.filter((group) => group !== 'admin');
  const onlyAdmin = policyActions.filter((action) => !others.some((group) => groupAllows(group, action)));
  expect(policyActions.every((action) => groupAllows('admin', action))).toBe(true);
  expect(onlyAdmin).toContain('s3:PutBucketPolicy');
  expect(onlyAdmin).toContain('s3:CreateBucket');
  expect(
    onlyAdmin.filter((action) => /Get(Object)$|PutObject$|DeleteObject$|ListBucket/.test(action)),
  ).toEqual([]);
});
