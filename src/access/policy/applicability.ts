/**
 * Condition keys that not every action knows (Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"). A
 * policy whose condition could never be met is refused when it is put: its author believes in a protection that is not there.
 */

/** Name without its `s3:`; a family of keys ends in a slash. Keys that are not here go with every action. */
const rules: ReadonlyArray<readonly [keys: readonly string[], goesWith: (action: string) => boolean]> = [
  [['prefix', 'delimiter', 'max-keys'], oneOf('ListBucket', 'ListBucketVersions')],
  [['versionid'], (action) => /Object\w*Version/.test(action)],
  [
    [
      'x-amz-acl',
      'x-amz-grant-full-control',
      'x-amz-grant-read',
      'x-amz-grant-read-acp',
      'x-amz-grant-write',
      'x-amz-grant-write-acp',
    ],
    oneOf('CreateBucket', 'PutBucketAcl', 'PutObject', 'PutObjectAcl', 'PutObjectVersionAcl'),
  ],
  [['x-amz-copy-source', 'x-amz-metadata-directive'], oneOf('PutObject')],
  [
    ['x-amz-server-side-encryption', 'x-amz-server-side-encryption-customer-algorithm'],
    oneOf('PutObject', 'ReplicateObject', 'UpdateObjectEncryption'),
  ],
  [
    ['existingobjecttag/'],
    noneOf(
      'PutObject',
      'DeleteObject',
      'DeleteObjectVersion',
      'GetObjectRetention',
      'PutObjectRetention',
      'BypassGovernanceRetention',
      'GetObjectLegalHold',
      'PutObjectLegalHold',
    ),
  ],
  [['requestobjecttag/'], noneOf('PutObjectAcl', 'PutObjectRetention', 'PutObjectLegalHold')],
];

/** @param action as `policyActions` has it */
export function keyGoesWith(key: string, action: string): boolean {
  const name = key.toLowerCase().replace(/^s3:/, '');
  const rule = rules.find(([keys]) =>
    keys.some((each) => name === each || (each.endsWith('/') && name.startsWith(each))),
  );
  return rule === undefined || rule[1](action);
}

function oneOf(...names: readonly string[]): (action: string) => boolean {
  const set = new Set(names.map((name) => `s3:${name}`));
  return (action) => set.has(action);
}

function noneOf(...names: readonly string[]): (action: string) => boolean {
  const isOne = oneOf(...names);
  return (action) => !isOne(action);
}
