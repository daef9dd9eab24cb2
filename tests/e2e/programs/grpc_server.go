// SPDX-License-Identifier: Apache-2.0

// A gRPC server by google.golang.org/grpc, over TLS where CERT and KEY name files. Methods and record as in
// grpc_server.py: Code, Slow, Stream, Upload, Chat of /test.Echo, and all of /test.Many.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// Messages are bytes as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) String() string { return "raw" }

var names = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

func serve(method string, stream grpc.ServerStream) error {
	var first []byte
	if method == "/test.Echo/Upload" || method == "/test.Echo/Chat" {
		count := 0
		for {
			err := stream.RecvMsg(&first)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			count++
			if method == "/test.Echo/Chat" {
				if err := stream.SendMsg(&first); err != nil {
					return err
				}
			}
		}
		if method == "/test.Echo/Chat" {
			return nil
		}
		answer := []byte(strconv.Itoa(count))
		return stream.SendMsg(&answer)
	}
	if err := stream.RecvMsg(&first); err != nil {
		return err
	}
	number, _ := strconv.Atoi(string(first))
	answer := []byte(strings.Repeat("a", 100))
	switch {
	case method == "/test.Echo/Code" && number != 0:
		return status.Error(codes.Code(number), "as told")
	case method == "/test.Echo/Slow":
		time.Sleep(time.Duration(number) * time.Millisecond)
	case method == "/test.Echo/Stream":
		missing := number < 0
		if missing {
			number = -number
		}
		for i := 0; i < number; i++ {
			if err := stream.SendMsg(&answer); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
		if missing {
			return status.Error(codes.NotFound, "as told")
		}
		return nil
	case method == "/test.Echo/Code" || strings.HasPrefix(method, "/test.Many/"):
	default:
		return status.Error(codes.Unimplemented, "unknown method")
	}
	return stream.SendMsg(&answer)
}

func main() {
	file, err := os.Create(os.Getenv("ACCESS_LOG"))
	if err != nil {
		panic(err)
	}
	var mutex sync.Mutex
	out := bufio.NewWriter(file)
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			mutex.Lock()
			out.Flush()
			mutex.Unlock()
		}
	}()
	handler := func(_ interface{}, stream grpc.ServerStream) error {
		started := time.Now()
		method, _ := grpc.MethodFromServerStream(stream)
		err := serve(method, stream)
		mutex.Lock()
		fmt.Fprintf(out, "%s %s %.6f\n", names[status.Code(err)], method, time.Since(started).Seconds())
		mutex.Unlock()
		return err
	}
	options := []grpc.ServerOption{grpc.CustomCodec(raw{}), grpc.UnknownServiceHandler(handler)}
	if cert := os.Getenv("CERT"); cert != "" {
		pair, err := credentials.NewServerTLSFromFile(cert, os.Getenv("KEY"))
		if err != nil {
			panic(err)
		}
		options = append(options, grpc.Creds(pair))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		panic(err)
	}
	panic(grpc.NewServer(options...).Serve(listener))
}
