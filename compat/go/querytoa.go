package toa

import (
	"context"
	"errors"
	"net/netip"
)

// Results of [QueryToa].
const (
	QueryOK       int32 = 0  // the client is known
	QueryNotFound int32 = -1 // wrong address or port, or the time is over
	QueryNetwork  int32 = -2 // no answer
)

// QueryToa is queryToa of the vendor's demo.go: it asks the service at serverAddr, such as
// "127.0.0.1:9999", for the client behind a peer's IPv4 address and port, with version 1.
//
// It returns 0, the client's address and its port; -1 when there is no such client: the address or
// the port is wrong, or its time is over; -2 when the service could not be asked or did not answer,
// which takes at most [DefaultTries] times [DefaultTimeout]. Address and port are then "" and 0.
//
// Each call opens a socket of its own. A program that asks often should keep a [Client].
func QueryToa(serverAddr string, fakeIp string, fakePort uint16) (int32, string, uint16) {
	fake, err := netip.ParseAddr(fakeIp)
	if err != nil {
		return QueryNotFound, "", 0
	}
	client := Client{Server: serverAddr, Version: 1, Sockets: 1}
	defer client.Close()
	answer, err := client.Ask(context.Background(), Question{Fake: netip.AddrPortFrom(fake, fakePort)})
	switch {
	case err == nil:
		return QueryOK, answer.Client.Addr.String(), answer.Client.Port
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrQuestion):
		return QueryNotFound, "", 0
	}
	return QueryNetwork, "", 0
}
