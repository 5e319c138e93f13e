// Interop is the other side of the wire: containerd's own ttrpc client and server, in Go.
//
//	interop client PATH    calls our server over TLS 1.3 on a Unix socket, prints what it saw as JSON
//	interop server PATH    serves ttrpc on a Unix socket until its standard input ends
//
// Messages are well-known types that are the same on the wire as those of schema.proto, or google.protobuf.Empty,
// which keeps every field as an unknown one.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const service = "assay.v1.Enclave"

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// field returns the bytes of a length-delimited field among the unknown ones.
func field(message *emptypb.Empty, number protowire.Number) []byte {
	for rest := []byte(message.ProtoReflect().GetUnknown()); len(rest) > 0; {
		found, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return nil
		}
		if found == number && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(rest[n:])
			return value
		}
		m := protowire.ConsumeFieldValue(found, kind, rest[n:])
		if m < 0 {
			return nil
		}
		rest = rest[n+m:]
	}
	return nil
}

func client(path string) {
	raw, err := net.Dial("unix", path)
	check(err)
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"assay/1"}})
	check(conn.Handshake())
	state := conn.ConnectionState()
	calls := ttrpc.NewClient(conn)
	defer calls.Close()
	ctx, cancel := context.WithTimeout(ttrpc.WithMetadata(context.Background(), ttrpc.MD{"from": {"go", "interop"}}), 10*time.Second)
	defer cancel()

	challenge := make([]byte, 32)
	challenge[0] = 7
	attested := &emptypb.Empty{}
	check(calls.Call(ctx, service, "Attest", wrapperspb.Bytes(challenge), attested))
	exporter, err := state.ExportKeyingMaterial("EXPORTER-assay-session-v1", challenge, 32)
	check(err)

	var group sync.WaitGroup
	var lock sync.Mutex
	answered := 0
	for i := uint64(0); i < 200; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			receipt := &emptypb.Empty{}
			err := calls.Call(ctx, service, "GetReceipt", wrapperspb.UInt64(i%5), receipt)
			lock.Lock()
			defer lock.Unlock()
			if err == nil && string(field(receipt, 4)) == "waited" {
				answered++
			}
		}()
	}
	group.Wait()

	refused := calls.Call(ctx, service, "GetSeal", wrapperspb.UInt64(1), &emptypb.Empty{})
	unknown := calls.Call(ctx, service, "Nothing", &emptypb.Empty{}, &emptypb.Empty{})
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	late := calls.Call(short, service, "GetReceipt", wrapperspb.UInt64(400), &emptypb.Empty{})
	after := calls.Call(ctx, service, "Status", &emptypb.Empty{}, &emptypb.Empty{})

	spki := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"sessionIsExporter": string(field(attested, 2)) == string(exporter),
		"spki":              hex.EncodeToString(spki[:]),
		"answered":          answered,
		"refused":           []any{status.Code(refused), status.Convert(refused).Message()},
		"unknown":           []any{status.Code(unknown), status.Convert(unknown).Message()},
		"late":              errors.Is(late, context.DeadlineExceeded) || status.Code(late) == codes.DeadlineExceeded,
		"after":             after == nil,
	}))
}

func serve(path string) {
	listener, err := net.Listen("unix", path)
	check(err)
	server, err := ttrpc.NewServer()
	check(err)
	server.RegisterService(service, &ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{
		// AttestResponse needs its field 1; LoadPolicyResponse its receipt: both are left to the other methods.
		"GetReceipt": func(_ context.Context, unmarshal func(any) error) (any, error) {
			index := &wrapperspb.UInt64Value{}
			if err := unmarshal(index); err != nil {
				return nil, err
			}
			time.Sleep(time.Duration(index.Value%5) * time.Millisecond)
			return wrapperspb.Bytes(fmt.Appendf(nil, "leaf %d", index.Value)), nil
		},
		"GetCheckpoint": func(context.Context, func(any) error) (any, error) {
			return nil, status.Error(codes.NotFound, "none yet")
		},
		"Status": func(context.Context, func(any) error) (any, error) {
			return nil, status.Error(codes.FailedPrecondition, "POLICY_MISSING: go says so")
		},
		"GetSeal": func(ctx context.Context, _ func(any) error) (any, error) {
			_, limited := ctx.Deadline()
			return wrapperspb.Bytes(fmt.Appendf(nil, "%v", limited)), nil
		},
	}})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("ready")
	check(server.Serve(context.Background(), listener))
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "client" {
		client(os.Args[2])
	} else if len(os.Args) == 3 && os.Args[1] == "server" {
		serve(os.Args[2])
	} else {
		check(errors.New("interop client|server PATH"))
	}
}
