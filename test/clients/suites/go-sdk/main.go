// What users of the AWS SDK for Go v2 do. Run as: go-sdk CASE. A failed check ends with a non-zero status.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const mib = 1 << 20

var (
	ctx    = context.Background()
	bucket = aws.String(os.Getenv("CASE_BUCKET"))
	file   = os.Getenv("CASE_FILE")
	client *s3.Client
)

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func refused(code string, err error) {
	var problem smithy.APIError
	check(errors.As(err, &problem) && problem.ErrorCode() == code, "%s was expected, not %v", code, err)
}

func digest(reader io.Reader) string {
	hash := sha256.New()
	must(io.Copy(hash, reader))
	return hex.EncodeToString(hash.Sum(nil))
}

func piece(start, length int64) []byte {
	in := must(os.Open(file))
	defer in.Close()
	out := make([]byte, length)
	must(in.ReadAt(out, start))
	return out
}

func get(key string) []byte {
	answer := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key}))
	defer answer.Body.Close()
	return must(io.ReadAll(answer.Body))
}

func makeBucket() {
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	must(client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket}))
}

func managedTransfer() {
	in := must(os.Open(file))
	defer in.Close()
	uploader := manager.NewUploader(client, func(u *manager.Uploader) { u.PartSize = 8 * mib; u.Concurrency = 6 })
	done := must(uploader.Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("big.bin"), Body: in}))
	check(len(done.CompletedParts) > 1, "one part only")
	out := must(os.Create("down.bin"))
	defer out.Close()
	downloader := manager.NewDownloader(client, func(d *manager.Downloader) { d.PartSize = 16 * mib; d.Concurrency = 6 })
	must(downloader.Download(ctx, out, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("big.bin")}))
	must(out.Seek(0, io.SeekStart))
	check(digest(out) == os.Getenv("CASE_FILE_SHA256"), "the file came back changed")
}

// A pipe: not seekable, of unknown length.
func streamedUpload() {
	data := piece(4711, 23*mib)
	reader, writer := io.Pipe()
	go func() {
		_, err := writer.Write(data)
		writer.CloseWithError(err)
	}()
	uploader := manager.NewUploader(client, func(u *manager.Uploader) { u.PartSize = 5 * mib })
	must(uploader.Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("stream ü+.bin"), Body: reader}))
	check(bytes.Equal(get("stream ü+.bin"), data), "the stream came back changed")
}

func checksums() {
	data := piece(99, 300_000)
	for _, algorithm := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		key := aws.String("sum/" + string(algorithm))
		put := &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm}
		must(client.PutObject(ctx, put))
		input := &s3.GetObjectInput{Bucket: bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled}
		answer := must(client.GetObject(ctx, input))
		// The SDK verifies the checksum at the end of the body.
		check(bytes.Equal(must(io.ReadAll(answer.Body)), data), "%s: changed", algorithm)
		check(answer.ChecksumType == types.ChecksumTypeFullObject, "%s: type %s", algorithm, answer.ChecksumType)
	}
	wrong := &s3.PutObjectInput{Bucket: bucket, Key: aws.String("wrong"), Body: bytes.NewReader(data), ChecksumCRC32: aws.String("AAAAAA==")}
	_, err := client.PutObject(ctx, wrong)
	refused("BadDigest", err)
}

func conditionalWrites() {
	once := func(body string) error {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: aws.String("once"), Body: bytes.NewReader([]byte(body)), IfNoneMatch: aws.String("*"),
		})
		return err
	}
	check(once("one") == nil, "the first write was refused")
	refused("PreconditionFailed", once("two"))
	check(string(get("once")) == "one", "the second write won")
}

func listing() {
	count := must(strconv.Atoi(os.Getenv("CASE_LISTING_COUNT")))
	input := &s3.ListObjectsV2Input{Bucket: aws.String(os.Getenv("CASE_LISTING_BUCKET")), MaxKeys: aws.Int32(700)}
	pages, last, found := s3.NewListObjectsV2Paginator(client, input), "", 0
	for pages.HasMorePages() {
		for _, object := range must(pages.NextPage(ctx)).Contents {
			check(*object.Key > last, "%s after %s", *object.Key, last)
			last = *object.Key
			found++
		}
	}
	check(found == count, "%d keys of %d", found, count)
}

func presigned() {
	key := aws.String("presigned/ü &+.txt")
	signer := s3.NewPresignClient(client)
	put := must(signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key}))
	request := must(http.NewRequest(put.Method, put.URL, bytes.NewReader([]byte("by link"))))
	for name, values := range put.SignedHeader {
		request.Header[name] = values
	}
	answer := must(http.DefaultClient.Do(request))
	check(answer.StatusCode == 200, "PUT by link: %d %s", answer.StatusCode, must(io.ReadAll(answer.Body)))
	link := must(signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key}))
	answer = must(http.Get(link.URL))
	check(string(must(io.ReadAll(answer.Body))) == "by link", "GET by link: %d", answer.StatusCode)
}

func removeBucket() {
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket})
	for pages.HasMorePages() {
		var objects []types.ObjectIdentifier
		for _, object := range must(pages.NextPage(ctx)).Contents {
			objects = append(objects, types.ObjectIdentifier{Key: object.Key})
		}
		done := must(client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: objects}}))
		check(len(done.Deleted) == len(objects), "%v", done.Errors)
	}
	must(client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}))
	_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	refused("NoSuchBucket", err)
}

func main() {
	client = s3.NewFromConfig(must(config.LoadDefaultConfig(ctx)), func(o *s3.Options) { o.UsePathStyle = true })
	cases := map[string]func(){
		"make_bucket": makeBucket, "managed_transfer": managedTransfer, "streamed_upload": streamedUpload,
		"checksums": checksums, "conditional_writes": conditionalWrites, "listing": listing,
		"presigned": presigned, "remove_bucket": removeBucket,
	}
	run, known := cases[os.Args[1]]
	check(known, "no case is called %s", os.Args[1])
	run()
}
