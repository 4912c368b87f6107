package toa_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"toa"
)

func ExampleNewListener() {
	inner, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	client := &toa.Client{Server: "127.0.0.1:9999"}
	listener := toa.NewListener(inner, client, toa.ListenerConfig{
		Policy: func(fake net.Addr, err error) bool {
			log.Printf("%v: %v", fake, err)
			return true
		},
	})
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "you are", r.RemoteAddr)
	})))
}

func ExampleClient_Ask() {
	client := &toa.Client{Server: "127.0.0.1:9999"}
	defer client.Close()
	answer, err := client.Ask(context.Background(), toa.Question{
		Fake:   netip.MustParseAddrPort("10.0.1.7:40001"),
		Server: netip.MustParseAddrPort("10.0.0.80:443"),
		Wait:   50 * time.Millisecond,
	})
	var miss *toa.MissError
	switch {
	case err == nil:
		fmt.Println(answer.Client)
	case errors.As(err, &miss) && miss.Word == toa.NoOption:
		fmt.Println("no option came; the header had", miss.Answer.Free, "bytes free")
	default:
		fmt.Println(err)
	}
}

func ExampleQueryToa() {
	code, ip, port := toa.QueryToa("127.0.0.1:9999", "10.0.1.7", 8899)
	switch code {
	case toa.QueryOK:
		fmt.Println(ip, port)
	case toa.QueryNotFound:
		fmt.Println("not found")
	case toa.QueryNetwork:
		fmt.Println("no answer")
	}
}

// A question of version 1, as the vendor's document draws it.
func ExampleQuestion_MarshalBinary() {
	question := toa.Question{Version: 1, ID: 0x01020304, Fake: netip.MustParseAddrPort("10.0.1.7:40001")}
	bytes, err := question.MarshalBinary()
	fmt.Printf("%x %v\n", bytes, err)
	// Output: 010203040a0001079c41 <nil>
}

func ExampleMissError() {
	var err error = &toa.MissError{Fake: netip.MustParseAddrPort("10.0.1.8:40102"), Word: toa.NoOption}
	fmt.Println(err)
	if word, ok := toa.Reason(err); ok {
		fmt.Println(word, word == toa.NoOption, errors.Is(err, toa.ErrNotFound))
	}
	// Output:
	// toa: 10.0.1.8:40102: no_option
	// no_option true true
}
