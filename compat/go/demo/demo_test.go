package main

import (
	"net"
	"testing"

	"toa"
)

// The results by their numbers, as the vendor's document has them.
func TestQueryToa(t *testing.T) {
	service, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		var b [64]byte
		for {
			n, peer, err := service.ReadFromUDP(b[:])
			if err != nil {
				return
			}
			var q toa.Question
			if err := q.UnmarshalBinary(b[:n]); err != nil || q.Version != 1 {
				t.Errorf("%x: %v", b[:n], err)
			}
			answer := append(b[:4:4], 1, 0, 0, 0, 0, 0, 0)
			if q.Fake.Port() == 8899 {
				answer = append(b[:4:4], 0, 203, 0, 113, 9, 0xc9, 0x3a)
			}
			service.WriteToUDP(answer, peer)
		}
	}()
	address := service.LocalAddr().String()
	type result struct {
		code int32
		ip   string
		port uint16
	}
	ask := func(ip string, port uint16) result {
		code, realIP, realPort := queryToa(address, ip, port)
		return result{code, realIP, realPort}
	}
	if got, want := ask("10.0.1.7", 8899), (result{0, "203.0.113.9", 51514}); got != want {
		t.Errorf("found: %v", got)
	}
	if got, want := ask("10.0.1.7", 8900), (result{-1, "", 0}); got != want {
		t.Errorf("not found: %v", got)
	}
	if got, want := ask("not an address", 8899), (result{-1, "", 0}); got != want {
		t.Errorf("wrong address: %v", got)
	}
	service.Close()
	<-answered
	if got, want := ask("10.0.1.7", 8899), (result{-2, "", 0}); got != want {
		t.Errorf("nobody listens: %v", got)
	}
}
