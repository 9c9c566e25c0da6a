/**
 * Names of condition keys ("AWS global condition context keys", "Condition keys for Amazon S3"). Those of services that are not here
 * (VPC endpoints, organizations, KMS …) are names too: no request has a value for them.
 */
const names: ReadonlySet<string> = new Set(
  [
    'aws:CalledVia aws:CurrentTime aws:EpochTime aws:FederatedProvider aws:MultiFactorAuthAge aws:MultiFactorAuthPresent',
    'aws:PrincipalAccount aws:PrincipalArn aws:PrincipalIsAWSService aws:PrincipalOrgID aws:PrincipalOrgPaths',
    'aws:PrincipalServiceName aws:PrincipalServiceNamesList aws:PrincipalType aws:Referer aws:RequestedRegion',
    'aws:ResourceAccount aws:ResourceOrgID aws:ResourceOrgPaths aws:SecureTransport aws:SourceAccount aws:SourceArn',
    'aws:SourceIdentity aws:SourceIp aws:SourceOrgID aws:SourceOrgPaths aws:SourceVpc aws:SourceVpce aws:TagKeys',
    'aws:TokenIssueTime aws:UserAgent aws:userid aws:username aws:ViaAWSService aws:VpcSourceIp',
    's3:AccessGrantsInstanceArn s3:AccessPointNetworkOrigin s3:DataAccessPointAccount s3:DataAccessPointArn',
    's3:RequestObjectTagKeys s3:ResourceAccount s3:TlsVersion s3:authType s3:delimiter s3:if-match s3:if-none-match',
    's3:locationconstraint s3:max-keys s3:ObjectCreationOperation s3:object-lock-legal-hold s3:object-lock-mode',
    's3:object-lock-remaining-retention-days',
    's3:object-lock-retain-until-date s3:prefix s3:signatureAge s3:signatureversion s3:versionid',
    's3:x-amz-acl s3:x-amz-content-sha256 s3:x-amz-copy-source s3:x-amz-grant-full-control s3:x-amz-grant-read',
    's3:x-amz-grant-read-acp s3:x-amz-grant-write s3:x-amz-grant-write-acp s3:x-amz-metadata-directive',
    's3:x-amz-object-ownership s3:x-amz-server-side-encryption s3:x-amz-server-side-encryption-aws-kms-key-id',
    's3:x-amz-server-side-encryption-customer-algorithm s3:x-amz-storage-class s3:x-amz-website-redirect-location',
  ]
    .join(' ')
    .toLowerCase()
    .split(' '),
);

/** Followed by the key of a tag. */
const families = [
  'aws:principaltag/',
  'aws:requesttag/',
  'aws:resourcetag/',
  's3:existingobjecttag/',
  's3:requestobjecttag/',
  's3:buckettag/',
];

export function conditionKeyNamed(key: string): boolean {
  const lower = key.toLowerCase();
  return (
    names.has(lower) || families.some((family) => lower.startsWith(family) && lower.length > family.length)
  );
}
