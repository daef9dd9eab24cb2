// SPDX-License-Identifier: Apache-2.0

// Go's net/http, over TLS (HTTP/1.1 only) where CERT and KEY name files; CLIENT_CA: clients must show a
// certificate of it. / -> 200, /chunked, /empty (204), /missing (404), /error (500), /slow, POST -> 201.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type logger struct {
	mutex sync.Mutex
	out   *bufio.Writer
}

func (l *logger) line(status int, method string) {
	l.mutex.Lock()
	fmt.Fprintf(l.out, "%d %s\n", status, method)
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
	handler := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		status := http.StatusOK
		body := strings.Repeat("g", 64)
		switch r.URL.Path {
		case "/chunked":
			body = strings.Repeat("c", 30000)
		case "/empty":
			status, body = http.StatusNoContent, ""
		case "/missing":
			status = http.StatusNotFound
		case "/error":
			status = http.StatusInternalServerError
		case "/slow":
			time.Sleep(100 * time.Millisecond)
		default:
			if r.Method == "POST" {
				status = http.StatusCreated
			}
		}
		log.line(status, r.Method)
		w.WriteHeader(status)
		if r.Method != "HEAD" {
			io.WriteString(w, body)
		}
	}
	server := &http.Server{
		Addr:         "127.0.0.1:" + os.Getenv("PORT"),
		Handler:      http.HandlerFunc(handler),
		TLSConfig:    &tls.Config{},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	if ca := os.Getenv("CLIENT_CA"); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			panic(err)
		}
		server.TLSConfig.ClientCAs = x509.NewCertPool()
		server.TLSConfig.ClientCAs.AppendCertsFromPEM(pem)
		server.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if cert := os.Getenv("CERT"); cert != "" {
		panic(server.ListenAndServeTLS(cert, os.Getenv("KEY")))
	}
	panic(server.ListenAndServe())
}
