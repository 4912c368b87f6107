package toa

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"
)

// Lengths of the datagrams in bytes.
const (
	QuestionLenV1 = 10
	AnswerLenV1   = 11
	QuestionLenV2 = 80 // as long as its answer: nothing is amplified
	AnswerLenV2   = 80
)

// Errors of UnmarshalBinary and MarshalBinary.
var (
	// ErrForeign says that bytes are of neither version of the protocol.
	ErrForeign = errors.New("toa: not a datagram of the protocol")
	// ErrMalformed says that a datagram has a field out of range.
	ErrMalformed = errors.New("toa: malformed datagram")
	// ErrQuestion says that a question cannot be asked as it is.
	ErrQuestion = errors.New("toa: cannot ask")
	// ErrAnswer says that an answer cannot be written as it is.
	ErrAnswer = errors.New("toa: cannot write the answer")
)

// A Word says how a lookup ended: Found, or the reason why the client is not known.
type Word uint8

// The words of answers. Their numbers are the protocol's.
const (
	Found     Word = 0  // the client is known
	NeverSeen Word = 1  // no SYN of this connection was seen; with version 1: not found
	Pending   Word = 2  // SYN seen, handshake not over, no option yet
	NoOption  Word = 3  // the handshake is over and no option came
	Expired   Word = 4  // the client was known, and the time is over
	Replaced  Word = 5  // the record was pushed out by others, the table being full
	Untrusted Word = 6  // the option came from a source that is not trusted
	Malformed Word = 7  // the options contradict themselves
	Truncated Word = 8  // the capture cut the options
	Ambiguous Word = 10 // the option on the SYN may be an experiment (RFC 6994), and the ACK said nothing
	Duplicate Word = 11 // several options, and the policy is to believe none
	Conflict  Word = 12 // what the SYN alone said was contradicted behind it
	Midstream Word = 13 // an option came outside the handshake and was not believed

	CaptureDrops Word = 22 // no client is known, and the kernel lost frames of late
)

var words = map[Word]string{
	Found: "found", NeverSeen: "never_seen", Pending: "pending", NoOption: "no_option",
	Expired: "expired", Replaced: "replaced", Untrusted: "untrusted", Malformed: "malformed",
	Truncated: "truncated", Ambiguous: "ambiguous", Duplicate: "duplicate",
	Conflict: "conflict", Midstream: "midstream",
	CaptureDrops: "capture_drops",
}

// String returns the word's name in the protocol, such as "never_seen".
func (w Word) String() string {
	if name, ok := words[w]; ok {
		return name
	}
	return fmt.Sprintf("word(%d)", uint8(w))
}

// A Carrier is the segment whose option named the client.
type Carrier uint8

// The carriers. Their numbers are the protocol's.
const (
	CarrierNone Carrier = 0
	CarrierSYN  Carrier = 1
	CarrierACK  Carrier = 2
	CarrierData Carrier = 3
)

// String returns "syn", "ack", "data", or "-" for none.
func (c Carrier) String() string {
	switch c {
	case CarrierNone:
		return "-"
	case CarrierSYN:
		return "syn"
	case CarrierACK:
		return "ack"
	case CarrierData:
		return "data"
	}
	return fmt.Sprintf("carrier(%d)", uint8(c))
}

// An Endpoint is an address, with a port or without: some options name an address alone. The zero
// Endpoint is none.
type Endpoint struct {
	Addr    netip.Addr
	Port    uint16
	HasPort bool
}

// IsValid reports whether there is an address.
func (e Endpoint) IsValid() bool { return e.Addr.IsValid() }

// AddrPort returns address and port; the port is 0 where none is known.
func (e Endpoint) AddrPort() netip.AddrPort { return netip.AddrPortFrom(e.Addr, e.Port) }

// String returns "1.2.3.4:443", "[2001:db8::1]:443", the address alone where no port is known, or
// "-" for none.
func (e Endpoint) String() string {
	if !e.Addr.IsValid() {
		return "-"
	}
	if !e.HasPort {
		return e.Addr.String()
	}
	return addrPortString(e.AddrPort())
}

// addrPortString writes none as "-".
func addrPortString(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return "-"
	}
	if a.Addr().Is4In6() { // Go before 1.20.7 leaves out the brackets
		return fmt.Sprintf("[%s]:%d", a.Addr(), a.Port())
	}
	return a.String()
}

// A Question is one datagram to the service.
type Question struct {
	// Version is 1 or 2.
	Version int
	// ID comes back in the answer. [Client.Ask] chooses its own.
	ID uint32
	// Fake is the peer's endpoint, as accept gave it.
	Fake netip.AddrPort
	// Server is the endpoint that was connected to. The zero value is any server. Version 2.
	Server netip.AddrPort
	// Wait asks the service to hold the question until the client is known, up to so long. It goes
	// over the wire in whole milliseconds and is at most 65.535 s. Version 2.
	Wait time.Duration
}

// An Answer is one datagram from the service.
type Answer struct {
	// Version is 1 or 2. Version 1 has ID, Word (Found, or NeverSeen for its one "not found") and
	// Client alone.
	Version int
	// ID is the question's.
	ID uint32
	// Word is Found, or the reason why the client is not known.
	Word Word
	// Ambiguous says that the question named no server, and that connections from this peer
	// endpoint lead to different clients. The newest of them answers.
	Ambiguous bool
	// Free is, with NoOption, the number of option bytes that the TCP header had free.
	Free uint8
	// Kind is the kind of the TCP option that named the client.
	Kind uint8
	// Carrier is the segment that carried the option.
	Carrier Carrier
	// Client is the real client.
	Client Endpoint
	// VirtualServer is what the client connected to, where the option named it.
	VirtualServer Endpoint
	// Server is that of the connection which the answer is about; the zero value when about none.
	Server netip.AddrPort
	// Age says how long ago: the handshake last named the client (Found), it expired (Expired), or
	// the SYN was seen. 0 with NeverSeen and Replaced.
	Age time.Duration
}

const (
	magicV2      = "TOA\x02"
	typeQuestion = 1
	typeAnswer   = 2

	flagAmbiguous  = 1
	flagClientPort = 2
	flagVIPPort    = 4
	flagsAll       = 7

	freeMost = 40 // bytes of options in a TCP header
	waitMost = math.MaxUint16 * time.Millisecond
)

func isV2(b []byte) bool {
	return len(b) == QuestionLenV2 && string(b[:4]) == magicV2
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// ipVersion returns 4 or 6, and 0 for no address.
func ipVersion(a netip.Addr) byte {
	switch {
	case a.Is4():
		return 4
	case a.Is6():
		return 6
	}
	return 0
}

// putEndpoint writes 16 bytes of address and 2 of port, which stand apart.
func putEndpoint(ip, port []byte, e netip.AddrPort) {
	copy(ip, e.Addr().AsSlice())
	binary.BigEndian.PutUint16(port, e.Port())
}

// getEndpoint refuses a version that is none of 0, 4, 6, and bits that it does not have.
func getEndpoint(ip, port []byte, version byte, hasPort bool) (Endpoint, bool) {
	e := Endpoint{Port: binary.BigEndian.Uint16(port), HasPort: hasPort}
	if !hasPort && e.Port != 0 {
		return e, false
	}
	switch version {
	case 0:
		return e, !hasPort && allZero(ip)
	case 4:
		e.Addr = netip.AddrFrom4([4]byte{ip[0], ip[1], ip[2], ip[3]})
		return e, allZero(ip[4:])
	case 6:
		var a [16]byte
		copy(a[:], ip)
		e.Addr = netip.AddrFrom16(a)
		return e, true
	}
	return e, false
}

func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

// UnmarshalBinary reads a question. The error is [ErrForeign] for bytes of neither version, and
// [ErrMalformed] for a field out of range; q is then as it was.
func (q *Question) UnmarshalBinary(b []byte) error {
	if !isV2(b) {
		if len(b) != QuestionLenV1 {
			return ErrForeign
		}
		*q = Question{
			Version: 1,
			ID:      binary.BigEndian.Uint32(b),
			Fake: netip.AddrPortFrom(netip.AddrFrom4([4]byte{b[4], b[5], b[6], b[7]}),
				binary.BigEndian.Uint16(b[8:])),
		}
		return nil
	}
	fake, fakeSound := getEndpoint(b[16:32], b[14:16], b[9], b[9] != 0)
	server, serverSound := getEndpoint(b[34:50], b[32:34], b[10], b[10] != 0)
	if b[8] != typeQuestion || b[9] == 0 || b[11] != 0 || !fakeSound || !serverSound || !allZero(b[50:]) {
		return ErrMalformed
	}
	*q = Question{
		Version: 2,
		ID:      binary.BigEndian.Uint32(b[4:]),
		Fake:    fake.AddrPort(),
		Server:  server.AddrPort(),
		Wait:    time.Duration(binary.BigEndian.Uint16(b[12:])) * time.Millisecond,
	}
	return nil
}

// MarshalBinary writes a question. The error is an [ErrQuestion] when there is no such version, or
// no room in it for what the question says.
func (q Question) MarshalBinary() ([]byte, error) {
	switch q.Version {
	case 1:
		b := make([]byte, QuestionLenV1)
		switch {
		case !q.Fake.Addr().Is4():
			return nil, fmt.Errorf("%w: version 1 is for IPv4, and the peer is %q", ErrQuestion, addrPortString(q.Fake))
		case q.Server != netip.AddrPort{}:
			return nil, fmt.Errorf("%w: version 1 cannot name the server", ErrQuestion)
		case q.Wait != 0:
			return nil, fmt.Errorf("%w: version 1 cannot wait", ErrQuestion)
		}
		binary.BigEndian.PutUint32(b, q.ID)
		putEndpoint(b[4:], b[8:], q.Fake)
		return b, nil
	case 2:
		switch {
		case !q.Fake.Addr().IsValid():
			return nil, fmt.Errorf("%w: no address of the peer", ErrQuestion)
		case q.Fake.Addr().Zone() != "" || q.Server.Addr().Zone() != "":
			return nil, fmt.Errorf("%w: there is no room for IPv6 zones", ErrQuestion)
		case !q.Server.Addr().IsValid() && q.Server.Port() != 0:
			return nil, fmt.Errorf("%w: the server has a port and no address", ErrQuestion)
		case q.Wait < 0 || q.Wait > waitMost || q.Wait%time.Millisecond != 0:
			return nil, fmt.Errorf("%w: the wait is %v, and can be 0 to %v in milliseconds", ErrQuestion, q.Wait, waitMost)
		}
		b := make([]byte, QuestionLenV2)
		copy(b, magicV2)
		binary.BigEndian.PutUint32(b[4:], q.ID)
		b[8] = typeQuestion
		b[9] = ipVersion(q.Fake.Addr())
		b[10] = ipVersion(q.Server.Addr())
		binary.BigEndian.PutUint16(b[12:], uint16(q.Wait/time.Millisecond))
		putEndpoint(b[16:], b[14:], q.Fake)
		putEndpoint(b[34:], b[32:], q.Server)
		return b, nil
	}
	return nil, fmt.Errorf("%w: there is no version %d", ErrQuestion, q.Version)
}

// UnmarshalBinary reads an answer. The error is [ErrForeign] for bytes of neither version, and
// [ErrMalformed] for a field out of range; a is then as it was.
func (a *Answer) UnmarshalBinary(b []byte) error {
	if isV2(b) {
		return a.unmarshalV2(b)
	}
	if len(b) != AnswerLenV1 {
		return ErrForeign
	}
	if b[4] > 1 || (b[4] == 1 && !allZero(b[5:])) {
		return ErrMalformed
	}
	*a = Answer{Version: 1, ID: binary.BigEndian.Uint32(b), Word: Word(b[4])}
	if a.Word == Found {
		a.Client = Endpoint{
			Addr:    netip.AddrFrom4([4]byte{b[5], b[6], b[7], b[8]}),
			Port:    binary.BigEndian.Uint16(b[9:]),
			HasPort: true,
		}
	}
	return nil
}

func (a *Answer) unmarshalV2(b []byte) error {
	_, known := words[Word(b[9])]
	flags, versions := b[10], b[14]
	client, clientSound := getEndpoint(b[18:34], b[16:18], versions>>4, flags&flagClientPort != 0)
	vip, vipSound := getEndpoint(b[36:52], b[34:36], versions&0xf, flags&flagVIPPort != 0)
	server, serverSound := getEndpoint(b[54:70], b[52:54], b[15], b[15] != 0)
	age := binary.BigEndian.Uint64(b[70:])
	if b[8] != typeAnswer || !known || flags&^flagsAll != 0 || b[11] > freeMost ||
		b[13] > byte(CarrierData) || (Word(b[9]) == Found) != client.IsValid() ||
		!clientSound || !vipSound || !serverSound || age > math.MaxInt64 || !allZero(b[78:]) {
		return ErrMalformed
	}
	*a = Answer{
		Version:       2,
		ID:            binary.BigEndian.Uint32(b[4:]),
		Word:          Word(b[9]),
		Ambiguous:     flags&flagAmbiguous != 0,
		Free:          b[11],
		Kind:          b[12],
		Carrier:       Carrier(b[13]),
		Client:        client,
		VirtualServer: vip,
		Server:        server.AddrPort(),
		Age:           time.Duration(age),
	}
	return nil
}

// MarshalBinary writes an answer. The error is an [ErrAnswer] when there is no such version, or no
// room in it for what the answer says.
func (a Answer) MarshalBinary() ([]byte, error) {
	var b []byte
	switch a.Version {
	case 1:
		b = make([]byte, AnswerLenV1)
		binary.BigEndian.PutUint32(b, a.ID)
		b[4] = byte(a.Word)
		putEndpoint(b[5:9], b[9:], a.Client.AddrPort())
	case 2:
		b = make([]byte, AnswerLenV2)
		copy(b, magicV2)
		binary.BigEndian.PutUint32(b[4:], a.ID)
		b[8] = typeAnswer
		b[9] = byte(a.Word)
		b[10] = flag(a.Ambiguous, flagAmbiguous) | flag(a.Client.HasPort, flagClientPort) |
			flag(a.VirtualServer.HasPort, flagVIPPort)
		b[11], b[12], b[13] = a.Free, a.Kind, byte(a.Carrier)
		b[14] = ipVersion(a.Client.Addr)<<4 | ipVersion(a.VirtualServer.Addr)
		b[15] = ipVersion(a.Server.Addr())
		putEndpoint(b[18:34], b[16:], a.Client.AddrPort())
		putEndpoint(b[36:52], b[34:], a.VirtualServer.AddrPort())
		putEndpoint(b[54:70], b[52:], a.Server)
		binary.BigEndian.PutUint64(b[70:], uint64(a.Age))
	default:
		return nil, fmt.Errorf("%w: there is no version %d", ErrAnswer, a.Version)
	}
	// What does not fit the version is lost in the bytes.
	var read Answer
	if err := read.UnmarshalBinary(b); err != nil || read != a {
		return nil, fmt.Errorf("%w: version %d has no room for it", ErrAnswer, a.Version)
	}
	return b, nil
}
