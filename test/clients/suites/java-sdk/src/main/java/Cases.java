import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/** What users of the AWS SDK for Java v2 do. Run as: java Cases CASE. A failed check ends with a non-zero status. */
public final class Cases {
  private static final int MIB = 1 << 20;
  private static final String BUCKET = System.getenv("CASE_BUCKET");
  private static final Path FILE = Path.of(System.getenv("CASE_FILE"));
  private static final URI ENDPOINT = URI.create(System.getenv("CASE_ENDPOINT"));
  private static final Region REGION = Region.of(System.getenv("AWS_REGION"));
  private static final S3Client S3 =
      S3Client.builder().endpointOverride(ENDPOINT).region(REGION).forcePathStyle(true).build();

  private static void check(boolean ok, String message) {
    if (!ok) throw new IllegalStateException(message);
  }

  private static String sha256(InputStream in) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    byte[] buffer = new byte[MIB];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) digest.update(buffer, 0, read);
    return HexFormat.of().formatHex(digest.digest());
  }

  private static byte[] piece(long start, int length) throws Exception {
    try (InputStream in = Files.newInputStream(FILE)) {
      in.skipNBytes(start);
      return in.readNBytes(length);
    }
  }

  private static byte[] get(String key) throws Exception {
    try (ResponseInputStream<GetObjectResponse> in = S3.getObject(r -> r.bucket(BUCKET).key(key))) {
      return in.readAllBytes();
    }
  }

  private static void makeBucket() {
    S3.createBucket(r -> r.bucket(BUCKET));
    S3.waiter().waitUntilBucketExists(r -> r.bucket(BUCKET));
  }

  private static S3AsyncClient javaClient() {
    return S3AsyncClient.builder()
        .endpointOverride(ENDPOINT)
        .region(REGION)
        .forcePathStyle(true)
        .multipartEnabled(true)
        .multipartConfiguration(c -> c.minimumPartSizeInBytes(8L * MIB))
        .build();
  }

  private static S3AsyncClient crtClient() {
    return S3AsyncClient.crtBuilder()
        .endpointOverride(ENDPOINT)
        .region(REGION)
        .forcePathStyle(true)
        .minimumPartSizeInBytes(8L * MIB)
        .targetThroughputInGbps(2.0)
        .build();
  }

  /** A file in parts both ways, and a stream of unknown length. */
  private static void transferManager(S3AsyncClient client, String prefix) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try (client; S3TransferManager manager = S3TransferManager.builder().s3Client(client).build()) {
      String key = prefix + "/big ü+.bin";
      manager.uploadFile(u -> u.source(FILE).putObjectRequest(p -> p.bucket(BUCKET).key(key))).completionFuture().join();
      check(S3.headObject(r -> r.bucket(BUCKET).key(key)).eTag().contains("-"), "not a multipart upload");
      Path down = Path.of(prefix + ".down");
      manager.downloadFile(d -> d.destination(down).getObjectRequest(g -> g.bucket(BUCKET).key(key))).completionFuture().join();
      try (InputStream in = Files.newInputStream(down)) {
        check(sha256(in).equals(System.getenv("CASE_FILE_SHA256")), "the file came back changed");
      }
      byte[] bytes = piece(4711, 20 * MIB);
      AsyncRequestBody body =
          AsyncRequestBody.fromInputStream(i -> i.inputStream(new java.io.ByteArrayInputStream(bytes)).executor(threads));
      manager.upload(u -> u.requestBody(body).putObjectRequest(p -> p.bucket(BUCKET).key(prefix + "/stream"))).completionFuture().join();
      check(java.util.Arrays.equals(get(prefix + "/stream"), bytes), "the stream came back changed");
    } finally {
      threads.shutdown();
    }
  }

  private static void checksums() throws Exception {
    byte[] bytes = piece(99, 300_000);
    for (ChecksumAlgorithm algorithm :
        List.of(ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C, ChecksumAlgorithm.CRC64_NVME, ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256)) {
      String key = "sum/" + algorithm;
      S3.putObject(r -> r.bucket(BUCKET).key(key).checksumAlgorithm(algorithm), RequestBody.fromBytes(bytes));
      try (var in = S3.getObject(r -> r.bucket(BUCKET).key(key).checksumMode(ChecksumMode.ENABLED))) {
        check(java.util.Arrays.equals(in.readAllBytes(), bytes), algorithm + ": changed");
        check("FULL_OBJECT".equals(in.response().checksumTypeAsString()), algorithm + ": type " + in.response().checksumTypeAsString());
      }
    }
    try {
      S3.putObject(r -> r.bucket(BUCKET).key("wrong").checksumCRC32("AAAAAA=="), RequestBody.fromBytes(bytes));
      throw new IllegalStateException("a wrong checksum was taken");
    } catch (S3Exception error) {
      check("BadDigest".equals(error.awsErrorDetails().errorCode()), error.getMessage());
    }
  }

  /** The chunked signing of older versions of the SDK, and the conditions of newer ones. */
  private static void conditionsAndChunkedSigning() throws Exception {
    S3Configuration chunked = S3Configuration.builder().pathStyleAccessEnabled(true).chunkedEncodingEnabled(true).build();
    try (S3Client client = S3Client.builder().endpointOverride(ENDPOINT).region(REGION).serviceConfiguration(chunked).build()) {
      byte[] bytes = piece(0, 3 * MIB + 17);
      client.putObject(r -> r.bucket(BUCKET).key("chunked"), RequestBody.fromBytes(bytes));
      check(java.util.Arrays.equals(get("chunked"), bytes), "the chunked body came back changed");
    }
    S3.putObject(r -> r.bucket(BUCKET).key("once").ifNoneMatch("*"), RequestBody.fromString("one"));
    try {
      S3.putObject(r -> r.bucket(BUCKET).key("once").ifNoneMatch("*"), RequestBody.fromString("two"));
      throw new IllegalStateException("the second write won");
    } catch (S3Exception error) {
      check(error.statusCode() == 412, error.getMessage());
    }
    try {
      get("not there");
      throw new IllegalStateException("an object that is not there was read");
    } catch (NoSuchKeyException expected) {
      check(expected.statusCode() == 404, expected.getMessage());
    }
  }

  private static void listing() {
    String bucket = System.getenv("CASE_LISTING_BUCKET");
    List<String> keys = S3.listObjectsV2Paginator(r -> r.bucket(bucket).maxKeys(700)).contents().stream().map(o -> o.key()).toList();
    check(keys.size() == Integer.parseInt(System.getenv("CASE_LISTING_COUNT")), keys.size() + " keys");
    check(keys.equals(keys.stream().sorted().toList()), "not in order");
  }

  private static void presigned() throws Exception {
    S3Configuration pathStyle = S3Configuration.builder().pathStyleAccessEnabled(true).build();
    try (S3Presigner signer = S3Presigner.builder().endpointOverride(ENDPOINT).region(REGION).serviceConfiguration(pathStyle).build()) {
      HttpClient http = HttpClient.newHttpClient();
      String key = "presigned/ü &+.txt";
      var put = signer.presignPutObject(p -> p.signatureDuration(Duration.ofMinutes(2)).putObjectRequest(r -> r.bucket(BUCKET).key(key)));
      var write = HttpRequest.newBuilder(put.url().toURI()).PUT(HttpRequest.BodyPublishers.ofString("by link")).build();
      check(http.send(write, HttpResponse.BodyHandlers.ofString()).statusCode() == 200, "PUT by link");
      var get = signer.presignGetObject(p -> p.signatureDuration(Duration.ofMinutes(2)).getObjectRequest(r -> r.bucket(BUCKET).key(key)));
      var read = HttpRequest.newBuilder(get.url().toURI()).build();
      String body = http.send(read, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8)).body();
      check("by link".equals(body), body);
    }
  }

  private static void removeBucket() {
    S3.listObjectsV2Paginator(r -> r.bucket(BUCKET)).forEach(page -> {
      List<ObjectIdentifier> objects = page.contents().stream().map(o -> ObjectIdentifier.builder().key(o.key()).build()).toList();
      var done = S3.deleteObjects(r -> r.bucket(BUCKET).delete(d -> d.objects(objects)));
      check(done.deleted().size() == objects.size(), done.errors().toString());
    });
    S3.deleteBucket(r -> r.bucket(BUCKET));
  }

  private interface Case {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    Map<String, Case> cases =
        Map.of(
            "make_bucket", Cases::makeBucket,
            "transfer_manager", () -> transferManager(javaClient(), "java"),
            "transfer_manager_with_crt", () -> transferManager(crtClient(), "crt"),
            "checksums", Cases::checksums,
            "conditions_and_chunked_signing", Cases::conditionsAndChunkedSigning,
            "listing", Cases::listing,
            "presigned", Cases::presigned,
            "remove_bucket", Cases::removeBucket);
    cases.get(args[0]).run();
    System.exit(0);
  }
}
