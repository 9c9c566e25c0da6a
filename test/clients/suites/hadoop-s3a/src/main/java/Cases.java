import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;

/** What Hadoop, Spark and Hive do to S3 by S3A. One case for each run: its name is the argument. */
public final class Cases {
  private static final String bucket = System.getenv("CASE_BUCKET");
  private static final String file = System.getenv("CASE_FILE");
  private static final Path root = new Path("s3a://" + bucket + "/");

  public static void main(String[] arguments) throws Exception {
    try (FileSystem fs = FileSystem.newInstance(URI.create("s3a://" + bucket), configuration())) {
      switch (arguments[0]) {
        case "write_in_parts" -> writeInParts(fs);
        case "read_here_and_there" -> readHereAndThere(fs);
        case "directories_and_renames" -> directoriesAndRenames(fs);
        case "listing" -> listing();
        case "magic_committer" -> magicCommitter(fs);
        case "remove_all" -> removeAll(fs);
        default -> throw new IllegalArgumentException(arguments[0]);
      }
    }
    // S3A's pools have threads that would hold the process.
    System.exit(0);
  }

  private static Configuration configuration() {
    Configuration conf = new Configuration();
    conf.set("fs.s3a.endpoint", System.getenv("CASE_ENDPOINT"));
    conf.set("fs.s3a.endpoint.region", System.getenv("AWS_REGION"));
    conf.set("fs.s3a.path.style.access", "true");
    conf.set("fs.s3a.access.key", System.getenv("AWS_ACCESS_KEY_ID"));
    conf.set("fs.s3a.secret.key", System.getenv("AWS_SECRET_ACCESS_KEY"));
    conf.set("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider");
    conf.set("fs.s3a.multipart.size", "8M");
    conf.set("fs.s3a.multipart.threshold", "8M");
    conf.set("fs.s3a.fast.upload.buffer", "disk");
    conf.set("fs.s3a.attempts.maximum", "1");
    conf.set("hadoop.tmp.dir", System.getenv("CASE_WORK"));
    return conf;
  }

  private static void writeInParts(FileSystem fs) throws Exception {
    Path path = new Path(root, "data/large file.bin");
    try (InputStream in = new FileInputStream(file); FSDataOutputStream out = fs.create(path, false)) {
      in.transferTo(out);
    }
    expect(System.getenv("CASE_FILE_SHA256"), sha256(fs, path), "what was written");
    expect(new java.io.File(file).length(), fs.getFileStatus(path).getLen(), "its length");
    boolean again = true;
    try {
      fs.create(path, false).close();
    } catch (IOException refused) {
      again = false;
    }
    expect(false, again, "whether it was overwritten");
    // An output stream that is aborted leaves nothing.
    Path aborted = new Path(root, "data/aborted.bin");
    FSDataOutputStream out = fs.create(aborted, true);
    out.write(new byte[20 << 20]);
    out.abort();
    expect(false, fs.exists(aborted), "whether an aborted file is there");
  }

  private static void readHereAndThere(FileSystem fs) throws Exception {
    Path path = new Path(root, "data/large file.bin");
    long length = fs.getFileStatus(path).getLen();
    byte[] ours = new byte[100_000];
    byte[] theirs = new byte[100_000];
    try (FSDataInputStream in = fs.open(path); java.io.RandomAccessFile local = new java.io.RandomAccessFile(file, "r")) {
      for (long at : new long[] {0, length - 100_000, 12_345_678, 8 << 20, 77}) {
        in.readFully(at, theirs);
        local.seek(at);
        local.readFully(ours);
        expect(true, java.util.Arrays.equals(ours, theirs), "bytes at " + at);
      }
    }
  }

  private static void directoriesAndRenames(FileSystem fs) throws Exception {
    Path from = new Path(root, "tree/of files");
    for (int i = 0; i < 40; i++) write(fs, new Path(from, "part " + i + "/ümlaut & co " + i + ".txt"), "I am " + i);
    fs.mkdirs(new Path(root, "tree/empty"));
    expect(true, fs.getFileStatus(new Path(root, "tree/empty")).isDirectory(), "an empty directory");
    Path to = new Path(root, "moved");
    expect(true, fs.rename(from, to), "a rename of a directory");
    expect(false, fs.exists(from), "whether the old name is there");
    expect(40, count(fs, to), "files of the new name");
    expect("I am 7", read(fs, new Path(to, "part 7/ümlaut & co 7.txt")), "a file that moved");
    // Larger than a part: copied by UploadPartCopy.
    Path large = new Path(root, "data/large file.bin");
    expect(true, fs.rename(large, new Path(root, "data/moved.bin")), "a rename of a large file");
    expect(System.getenv("CASE_FILE_SHA256"), sha256(fs, new Path(root, "data/moved.bin")), "what was moved");
    expect(true, fs.rename(new Path(root, "data/moved.bin"), large), "and back");
  }

  private static void listing() throws Exception {
    String name = System.getenv("CASE_LISTING_BUCKET");
    try (FileSystem fs = FileSystem.newInstance(URI.create("s3a://" + name), configuration())) {
      Path path = new Path("s3a://" + name + "/");
      expect(50, fs.listStatus(path).length, "directories");
      expect(Integer.parseInt(System.getenv("CASE_LISTING_COUNT")), count(fs, path), "files");
    }
  }

  /** Spark's way to write: uploads that begin in tasks and are completed by the job. */
  private static void magicCommitter(FileSystem fs) throws Exception {
    Path hidden = new Path(root, "table/__magic_job-1/task/__base/part-0000.parquet");
    try (FSDataOutputStream out = fs.create(hidden, true)) {
      out.write(new byte[9 << 20]);
    }
    expect(false, fs.exists(new Path(root, "table/part-0000.parquet")), "whether a task's file is there before its job commits");
    Path pending = new Path(hidden.getParent().getParent(), "__base/part-0000.parquet.pending");
    org.apache.hadoop.fs.s3a.S3AFileSystem s3a = (org.apache.hadoop.fs.s3a.S3AFileSystem) fs;
    org.apache.hadoop.fs.s3a.commit.impl.CommitOperations operations =
        new org.apache.hadoop.fs.s3a.commit.impl.CommitOperations(s3a);
    try (org.apache.hadoop.fs.s3a.commit.impl.CommitContext context =
        operations.createCommitContextForTesting(new Path(root, "table"), "job-1", 0)) {
      org.apache.hadoop.fs.s3a.commit.files.SinglePendingCommit commit =
          org.apache.hadoop.fs.s3a.commit.files.SinglePendingCommit.load(
              fs, pending, null, org.apache.hadoop.fs.s3a.commit.files.SinglePendingCommit.serializer());
      context.commitOrFail(commit);
    }
    expect((long) (9 << 20), fs.getFileStatus(new Path(root, "table/part-0000.parquet")).getLen(), "the committed file");
  }

  private static void removeAll(FileSystem fs) throws Exception {
    for (FileStatus status : fs.listStatus(root)) fs.delete(status.getPath(), true);
    expect(0, fs.listStatus(root).length, "what is left");
  }

  private static void write(FileSystem fs, Path path, String text) throws IOException {
    try (OutputStream out = fs.create(path, true)) {
      out.write(text.getBytes("UTF-8"));
    }
  }

  private static String read(FileSystem fs, Path path) throws IOException {
    try (InputStream in = fs.open(path)) {
      return new String(in.readAllBytes(), "UTF-8");
    }
  }

  private static int count(FileSystem fs, Path path) throws IOException {
    int count = 0;
    for (RemoteIterator<LocatedFileStatus> all = fs.listFiles(path, true); all.hasNext(); all.next()) count++;
    return count;
  }

  private static String sha256(FileSystem fs, Path path) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    byte[] buffer = new byte[1 << 20];
    try (InputStream in = fs.open(path)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) digest.update(buffer, 0, read);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void expect(Object expected, Object found, String what) {
    if (!expected.equals(found)) throw new AssertionError(what + ": expected " + expected + ", found " + found);
  }
}
