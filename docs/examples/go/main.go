// An HTTP server that says to each client who it is: toa serve runs beside it.
//
//	go run . IP PORT
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"toa"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: example IP PORT")
	}
	inner, err := net.Listen("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	client := &toa.Client{Server: toa.DefaultServer}
	defer client.Close()
	// From here on, every RemoteAddr is the real client's.
	listener := toa.NewListener(inner, client, toa.ListenerConfig{Policy: toa.KeepFake})
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, port, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "client=%s %s\n", host, port)
	})))
}
