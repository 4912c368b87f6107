package toa

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of [Client].
const (
	DefaultServer  = "127.0.0.1:9999"
	DefaultTimeout = 250 * time.Millisecond
	DefaultTries   = 3
	DefaultSockets = 4
)

const (
	// The service refuses while it is being restarted: the next try comes a little later.
	refusedPause = 20 * time.Millisecond
	// Version 1 cannot wait: the client asks again, at first after so long.
	pollPause = time.Millisecond
)

var (
	// ErrNotFound is matched, with [errors.Is], by every [*MissError].
	ErrNotFound = errors.New("toa: client not known")
	// ErrClosed says that the [Client] or [Listener] is closed.
	ErrClosed = fmt.Errorf("toa: %w", net.ErrClosed)
)

// A MissError says that the service does not know the client, and why.
type MissError struct {
	// Fake and Server are what was asked for.
	Fake, Server netip.AddrPort
	// Word is the reason. Version 1 has NeverSeen alone.
	Word Word
	// Answer is the whole answer.
	Answer Answer
}

// Error names the peer and the reason.
func (e *MissError) Error() string {
	if e.Answer.Version == 1 {
		return fmt.Sprintf("toa: %s: not found", addrPortString(e.Fake))
	}
	return fmt.Sprintf("toa: %s: %s", addrPortString(e.Fake), e.Word)
}

// Is reports whether target is [ErrNotFound].
func (e *MissError) Is(target error) bool { return target == ErrNotFound }

// A NetworkError says that the service gave no answer.
type NetworkError struct {
	// Service is the address that was asked.
	Service string
	// Tries is how many datagrams were sent, or should have been.
	Tries int
	// Err is what went wrong at last.
	Err error
}

// Error names the service and what went wrong.
func (e *NetworkError) Error() string {
	return fmt.Sprintf("toa: no answer from %s, asked %d times: %v", e.Service, e.Tries, e.Err)
}

// Unwrap returns what went wrong.
func (e *NetworkError) Unwrap() error { return e.Err }

// Timeout reports whether time ran out.
func (e *NetworkError) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(e.Err, &timeout) && timeout.Timeout()
}

// Reason returns the word of a [*MissError] in err's chain. It is false for other errors.
func Reason(err error) (Word, bool) {
	var miss *MissError
	if errors.As(err, &miss) {
		return miss.Word, true
	}
	return 0, false
}

type noAnswer struct{}

func (noAnswer) Error() string { return "time is over" }
func (noAnswer) Timeout() bool { return true }

// A Client asks one service. Its zero value is ready and asks [DefaultServer]. Any number of
// goroutines may use it at once; it must not be copied, and its fields must not change, after the
// first use. It holds a few UDP sockets, which [Client.Close] gives back.
type Client struct {
	// Server is the service's host and UDP port. A host with several addresses is asked at one of
	// them until that one does not answer.
	Server string
	// Version is the version of the protocol: 1, which is all that the vendor's toa_win.exe
	// understands, or 2. 0 is 2.
	Version int
	// Timeout is for one try, beyond the question's wait. 0 is [DefaultTimeout].
	Timeout time.Duration
	// Tries is how often a question is sent when no answer comes. 0 is [DefaultTries].
	Tries int
	// Sockets is how many UDP sockets are open at most. 0 is [DefaultSockets].
	Sockets int

	once   sync.Once
	slots  []slot
	turn   atomic.Uint64
	closed chan struct{}
	shut   sync.Once
}

// A slot of the pool has a socket or none. Whoever takes the turn may open one.
type slot struct {
	turn    chan struct{}
	socket  atomic.Pointer[socket]
	address int // which of the service's addresses; belongs to the turn
}

func (c *Client) start() {
	c.once.Do(func() {
		n := c.Sockets
		if n <= 0 {
			n = DefaultSockets
		}
		c.slots = make([]slot, n)
		for i := range c.slots {
			c.slots[i].turn = make(chan struct{}, 1)
		}
		c.closed = make(chan struct{})
	})
}

func (c *Client) server() string {
	if c.Server == "" {
		return DefaultServer
	}
	return c.Server
}

func (c *Client) version() int {
	if c.Version == 0 {
		return 2
	}
	return c.Version
}

func (c *Client) timeout() time.Duration {
	if c.Timeout <= 0 {
		return DefaultTimeout
	}
	return c.Timeout
}

func (c *Client) tries() int {
	if c.Tries <= 0 {
		return DefaultTries
	}
	return c.Tries
}

// Close gives the sockets back. Questions that are open end with [ErrClosed].
func (c *Client) Close() error {
	c.start()
	c.shut.Do(func() {
		close(c.closed)
		for i := range c.slots {
			slot := &c.slots[i]
			slot.turn <- struct{}{} // who opens a socket ends soon, the client being closed
			if s := slot.socket.Swap(nil); s != nil {
				s.retire()
			}
			<-slot.turn
		}
	})
	return nil
}

// Lookup asks who is behind a peer that came to a server; the zero server is any. Endpoints are as
// a connection's RemoteAddr and LocalAddr give them. It is [Client.Ask] without the other fields.
func (c *Client) Lookup(ctx context.Context, fake, server netip.AddrPort) (Answer, error) {
	return c.Ask(ctx, Question{Fake: fake, Server: server})
}

// Ask asks a question and returns the answer that names the client. The question's ID does not
// matter, and its Version only if it is not 0: then it goes before the client's. IPv4 addresses
// that are written as IPv6, and IPv6 zones, are put into the form that the service expects; Wait is
// rounded up to milliseconds.
//
// The error is a [*MissError] with the reason when the service does not know the client; then the
// answer is returned too. It is a [*NetworkError] when no answer came, which wraps ctx's error if
// that is why; an [ErrQuestion] when version 1 cannot ask this; or [ErrClosed].
//
// A question takes no longer than Wait and Tries times Timeout; the one for which a socket is opened
// may take Tries times Timeout more, where Server is a name that has to be looked up. With version
// 1, which cannot wait, Wait makes the client ask again in short intervals.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	c.start()
	if q.Version == 0 {
		q.Version = c.version()
	}
	q.Fake, q.Server = plain(q.Fake), plain(q.Server)
	wait := q.Wait
	if q.Version == 1 {
		q.Wait = 0
	}
	q.Wait = wholeMilliseconds(q.Wait)
	if _, err := q.MarshalBinary(); err != nil {
		return Answer{}, err
	}

	if err := ctx.Err(); err != nil {
		return Answer{}, &NetworkError{Service: c.server(), Err: err}
	}
	begin := time.Now()
	answer, err := c.exchange(ctx, q, begin)
	for pause := pollPause; q.Version == 1 && err == nil && answer.Word != Found; pause *= 2 {
		left := wait - time.Since(begin)
		if left <= 0 || !c.sleep(ctx, shorter(pause, left)) {
			break // with the answer that there is
		}
		answer, err = c.exchange(ctx, q, begin)
	}
	if err == nil && answer.Word != Found {
		err = &MissError{Fake: q.Fake, Server: q.Server, Word: answer.Word, Answer: answer}
	}
	return answer, err
}

// plain is the form of an endpoint that the service knows.
func plain(e netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(e.Addr().Unmap().WithZone(""), e.Port())
}

// wholeMilliseconds rounds up.
func wholeMilliseconds(d time.Duration) time.Duration {
	if part := d % time.Millisecond; part > 0 {
		d += time.Millisecond - part
	}
	return d
}

// sleep is false when it was cut short.
func (c *Client) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-c.closed:
	}
	return false
}

// exchange gets one answer, of whatever word.
func (c *Client) exchange(ctx context.Context, q Question, begin time.Time) (Answer, error) {
	slot := &c.slots[c.turn.Add(1)%uint64(len(c.slots))]
	wait := q.Wait
	var s *socket
	var open *call
	var heard uint64
	leave := func() {
		if open != nil {
			s.forget(open)
			open = nil
		}
	}
	defer leave()

	var last error = noAnswer{}
	for try := 1; try <= c.tries(); try++ {
		fail := func(err error) (Answer, error) {
			return Answer{}, &NetworkError{Service: c.server(), Tries: try, Err: err}
		}
		for open == nil {
			var err error
			if s, err = c.socket(ctx, slot); err != nil {
				if errors.Is(err, ErrClosed) {
					return Answer{}, err
				}
				return fail(err) // there is no such address, or no route
			}
			heard = s.heard.Load()
			open = s.register(q.Version) // nil: retired meanwhile
		}

		// Time that is over need not be waited for again.
		if q.Wait = wholeMilliseconds(wait - time.Since(begin)); q.Wait < 0 {
			q.Wait = 0
		}
		q.ID = open.id
		b, err := q.MarshalBinary()
		if err != nil {
			return Answer{}, err
		}
		patience := time.NewTimer(q.Wait + c.timeout())
		if err := s.send(b, c.timeout()); err != nil {
			open.report(err)
		}
		trouble := open.trouble
		for waiting := true; waiting; {
			select {
			case answer := <-open.answer:
				patience.Stop()
				return answer, nil
			case last = <-trouble:
				// Most likely nobody listens. Soon ask again, elsewhere if there is an elsewhere.
				trouble = nil
				patience.Stop()
				patience = time.NewTimer(shorter(refusedPause, c.timeout()))
				slot.retire(s)
			case <-patience.C:
				waiting = false
			case <-ctx.Done():
				patience.Stop()
				return fail(ctx.Err())
			case <-c.closed:
				patience.Stop()
				return Answer{}, ErrClosed
			}
		}
		if slot.socket.Load() != s {
			leave()
		}
	}
	if s.heard.Load() == heard {
		slot.retire(s) // it may be the socket's fault: an address that is gone, a name that moved
	}
	return Answer{}, &NetworkError{Service: c.server(), Tries: c.tries(), Err: last}
}

func shorter(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}

// socket returns the slot's socket, and opens one if there is none.
func (c *Client) socket(ctx context.Context, slot *slot) (*socket, error) {
	if s := slot.socket.Load(); s != nil {
		return s, nil
	}
	select {
	case slot.turn <- struct{}{}:
		defer func() { <-slot.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.closed:
		return nil, ErrClosed
	}
	select {
	case <-c.closed:
		return nil, ErrClosed
	default:
	}
	if s := slot.socket.Load(); s != nil {
		return s, nil
	}
	s, err := c.dial(ctx, slot.address)
	if err != nil {
		return nil, err
	}
	slot.address++
	slot.socket.Store(s)
	go s.read()
	return s, nil
}

// dial connects to one of the service's addresses. No name is worth more time than a question.
func (c *Client) dial(ctx context.Context, nth int) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout()*time.Duration(c.tries()))
	defer cancel()
	go func() {
		select {
		case <-c.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	host, port, err := net.SplitHostPort(c.server())
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		select {
		case <-c.closed:
			return nil, ErrClosed
		default:
			return nil, err
		}
	}
	// IPv4 first: the service listens on 127.0.0.1 unless told otherwise, and "localhost" is both.
	sort.SliceStable(addresses, func(i, j int) bool {
		return addresses[i].Unmap().Is4() && !addresses[j].Unmap().Is4()
	})
	address := netip.AddrPortFrom(addresses[nth%len(addresses)].Unmap(), uint16(n))
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(address))
	if err != nil {
		return nil, err
	}
	return &socket{conn: conn, open: map[uint32]*call{}}, nil
}

// retire takes a socket out of the slot, so that the next question opens another.
func (l *slot) retire(s *socket) {
	if l.socket.CompareAndSwap(s, nil) {
		s.retire()
	}
}

// A socket is connected: the kernel takes datagrams from the service alone.
type socket struct {
	conn  *net.UDPConn
	heard atomic.Uint64 // answers to open questions

	mu      sync.Mutex
	open    map[uint32]*call
	retired bool // closes when no question is open
}

// A call is an open question.
type call struct {
	id      uint32
	version int
	answer  chan Answer
	trouble chan error
}

// report tells a call of trouble, unless it knows of some already.
func (o *call) report(err error) {
	select {
	case o.trouble <- err:
	default:
	}
}

// register opens a question under an id that strangers cannot guess. It returns nil when the
// socket is retired.
func (s *socket) register(version int) *call {
	open := &call{version: version, answer: make(chan Answer, 1), trouble: make(chan error, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return nil
	}
	for {
		var id [4]byte
		if _, err := rand.Read(id[:]); err != nil {
			panic("toa: no random numbers: " + err.Error())
		}
		open.id = binary.BigEndian.Uint32(id[:])
		if _, taken := s.open[open.id]; !taken {
			s.open[open.id] = open
			return open
		}
	}
}

func (s *socket) forget(open *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[open.id] == open {
		delete(s.open, open.id)
	}
	s.closeIfIdle()
}

func (s *socket) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	s.closeIfIdle()
}

func (s *socket) closeIfIdle() {
	if s.retired && len(s.open) == 0 {
		s.conn.Close()
	}
}

// send sends a datagram. The kernel reports through any call that an earlier datagram was refused,
// and sends nothing then: that is tried twice.
func (s *socket) send(b []byte, timeout time.Duration) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		_, err = s.conn.Write(b)
	}
	return err
}

// read gives answers to the questions that wait for them, until the socket is closed.
func (s *socket) read() {
	var b [512]byte
	for {
		n, err := s.conn.Read(b[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.trouble(err)
			time.Sleep(time.Millisecond) // an error that stays must not become a busy loop
			continue
		}
		var answer Answer
		if answer.UnmarshalBinary(b[:n]) == nil {
			s.deliver(answer)
		}
	}
}

func (s *socket) deliver(answer Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := s.open[answer.ID]
	if open == nil || open.version != answer.Version {
		return
	}
	delete(s.open, answer.ID)
	s.heard.Add(1)
	open.answer <- answer
	s.closeIfIdle()
}

// trouble tells all open questions.
func (s *socket) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.open {
		open.report(err)
	}
}
