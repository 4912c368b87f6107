// Package toa asks the toa service who is behind a connection.
//
// Behind a load balancer on layer 4 the peer of a connection is the load balancer: the fake
// address. The client's own address stands in a TCP option of the handshake, the TOA, which the
// service reads from the wire. A program that has accepted a connection asks for it over UDP.
//
// There are three ways to ask:
//
//   - [NewListener] wraps a [net.Listener]. The RemoteAddr of its connections is the client.
//   - [Client] asks questions, and tells the reason when there is no answer.
//   - [QueryToa] is the function of the vendor's demo.go.
//
// [Question] and [Answer] are the datagrams of the protocol. Version 1 is the vendor's, for IPv4
// and without reasons; version 2 has IPv6, the server, the reason, the age, the virtual server,
// and a wait. docs/PROTOCOL.md of the project tells both byte by byte.
package toa
