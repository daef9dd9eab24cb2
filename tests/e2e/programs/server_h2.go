// SPDX-License-Identifier: Apache-2.0

// Go's net/http with HTTP/2: over TLS where CERT and KEY name files, else golang.org/x/net/http2/h2c.
// /status/N -> N, /large, /slow, /trailers, else 200 or, to POST, 201.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

type logger struct {
	mutex sync.Mutex
	out   *bufio.Writer
}

func (l *logger) line(status int, method string, started time.Time) {
	l.mutex.Lock()
	fmt.Fprintf(l.out, "%d %s %.6f\n", status, method, time.Since(started).Seconds())
	l.mutex.Unlock()
}

func main() {
	file, err := os.Create(os.Getenv("ACCESS_LOG"))
	if err != nil {
		panic(err)
	}
	log := &logger{out: bufio.NewWriter(file)}
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			log.mutex.Lock()
			log.out.Flush()
			log.mutex.Unlock()
		}
	}()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		io.Copy(io.Discard, r.Body)
		status := http.StatusOK
		body := strings.Repeat("g", 64)
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, "/status/"):
			status, _ = strconv.Atoi(path[len("/status/"):])
			body = ""
		case path == "/large":
			body = strings.Repeat("l", 300000)
		case path == "/slow":
			time.Sleep(100 * time.Millisecond)
		case path == "/trailers":
			w.Header().Set("Trailer", "X-Checksum")
			defer w.Header().Set("X-Checksum", "abc")
		case r.Method == "POST":
			status = http.StatusCreated
		}
		defer log.line(status, r.Method, started)
		w.WriteHeader(status)
		if r.Method != "HEAD" && body != "" {
			io.WriteString(w, body)
		}
	})
	address := "127.0.0.1:" + os.Getenv("PORT")
	if cert := os.Getenv("CERT"); cert != "" {
		panic(http.ListenAndServeTLS(address, cert, os.Getenv("KEY"), handler))
	}
	server := &http2.Server{MaxConcurrentStreams: 1000}
	panic(http.ListenAndServe(address, h2c.NewHandler(handler, server)))
}
