/** Which elements may be repeated ("flattened" lists and members in the API model): in JSON always an array, of one or none too. */
const lists: Readonly<Record<string, readonly string[]>> = {
  AccessControlList: ['Grant'],
  And: ['Tag'],
  Buckets: ['Bucket'],
  CORSConfiguration: ['CORSRule'],
  CORSRule: ['AllowedHeader', 'AllowedMethod', 'AllowedOrigin', 'ExposeHeader'],
  Contents: ['ChecksumAlgorithm'],
  DeleteResult: ['Deleted', 'Error'],
  LifecycleConfiguration: ['Rule'],
  ListBucketAnalyticsConfigurationResult: ['AnalyticsConfiguration'],
  ListBucketIntelligentTieringConfigurationsOutput: ['IntelligentTieringConfiguration'],
  ListBucketResult: ['Contents', 'CommonPrefixes'],
  ListInventoryConfigurationsResult: ['InventoryConfiguration'],
  ListMetricsConfigurationsResult: ['MetricsConfiguration'],
  ListMultipartUploadsResult: ['Upload', 'CommonPrefixes'],
  ListPartsResult: ['Part'],
  ListVersionsResult: ['Version', 'DeleteMarker', 'CommonPrefixes'],
  NotificationConfiguration: ['TopicConfiguration', 'QueueConfiguration', 'CloudFunctionConfiguration'],
  ObjectParts: ['Part'],
  OwnershipControls: ['Rule'],
  ServerSideEncryptionConfiguration: ['Rule'],
  TagSet: ['Tag'],
  Version: ['ChecksumAlgorithm'],
};

const none: readonly string[] = [];

/** Children of an element that are lists. */
export function listsOf(element: string): readonly string[] {
  return Object.hasOwn(lists, element) ? (lists[element] ?? none) : none;
}
