package toa

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Defaults of [ListenerConfig].
const (
	DefaultWait          = 50 * time.Millisecond
	DefaultLookupTimeout = 250 * time.Millisecond
	DefaultMaxLookups    = 1024
)

// A Policy decides about a connection whose client is not known: true keeps it, with the fake
// address as its RemoteAddr, and false closes it. The error is that of [Client.Ask]: a [*MissError]
// has the reason, a [*NetworkError] says that the service did not answer in time. A policy is
// called by many goroutines at once.
type Policy func(fake net.Addr, err error) bool

// KeepFake is the policy that keeps every connection.
func KeepFake(net.Addr, error) bool { return true }

// Refuse is the policy that closes every connection whose client is not known: all of them while
// the service is down.
func Refuse(net.Addr, error) bool { return false }

// A ListenerConfig is how a [Listener] looks clients up. The zero value is ready.
type ListenerConfig struct {
	// Policy decides about connections whose client is not known. nil is [KeepFake].
	Policy Policy
	// Wait is how long the service may hold a question whose answer is not there yet. It should be
	// shorter than LookupTimeout by what it takes to hear the answer. 0 is [DefaultWait]; below 0
	// nothing is waited for.
	Wait time.Duration
	// LookupTimeout is the longest that a lookup holds a connection back from Accept. 0 is
	// [DefaultLookupTimeout].
	LookupTimeout time.Duration
	// MaxLookups is how many connections are held at once: being looked up, or waiting for Accept.
	// Others stay in the system's queue until one of these is taken; if Accept is being called,
	// that is LookupTimeout at most. 0 is [DefaultMaxLookups].
	MaxLookups int
	// AnyServer leaves the connection's own address out of the question. It is for hosts that
	// translate addresses behind the capture, where the two would not be the same.
	AnyServer bool
}

// A Listener accepts the connections of another listener, and returns those whose client is looked
// up, or given up. Each lookup runs by itself: one that is slow delays no other connection, and its
// own by LookupTimeout. Connections may so come in another order than that of their handshakes.
type Listener struct {
	inner  net.Listener
	client *Client
	config ListenerConfig

	once   sync.Once // starts the loop
	shut   sync.Once
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	places chan struct{} // as many as there are connections held
	ready  chan accepted
	ended  chan struct{} // the loop is over, and why
	err    error
}

type accepted struct {
	conn net.Conn
	err  error
}

// NewListener wraps a listener. Closing it closes inner, and leaves client open. Nothing is
// accepted before the first Accept.
func NewListener(inner net.Listener, client *Client, config ListenerConfig) *Listener {
	if config.Policy == nil {
		config.Policy = KeepFake
	}
	if config.Wait == 0 {
		config.Wait = DefaultWait
	}
	if config.LookupTimeout <= 0 {
		config.LookupTimeout = DefaultLookupTimeout
	}
	if config.MaxLookups <= 0 {
		config.MaxLookups = DefaultMaxLookups
	}
	l := &Listener{
		inner:  inner,
		client: client,
		config: config,
		places: make(chan struct{}, config.MaxLookups),
		ready:  make(chan accepted),
		ended:  make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Accept returns the next connection whose client is known, or that the policy keeps. It is a
// [*TCPConn] over TCP, and always a [Conn]. Errors of the inner listener come through.
func (l *Listener) Accept() (net.Conn, error) {
	l.once.Do(func() { go l.loop() })
	select {
	case <-l.ctx.Done():
		return nil, ErrClosed
	default:
	}
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.ended:
		return nil, l.err
	case <-l.ctx.Done():
		return nil, ErrClosed
	}
}

// Close closes the inner listener, and the connections that no Accept has taken.
func (l *Listener) Close() error {
	err := error(ErrClosed)
	l.shut.Do(func() {
		l.cancel()
		err = l.inner.Close()
	})
	return err
}

// Addr returns the inner listener's address.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Unwrap returns the inner listener.
func (l *Listener) Unwrap() net.Listener { return l.inner }

func (l *Listener) loop() {
	defer close(l.ended)
	for {
		select {
		case l.places <- struct{}{}:
		case <-l.ctx.Done():
			l.err = ErrClosed
			return
		}
		conn, err := l.inner.Accept()
		switch {
		case err == nil:
			go l.hold(conn)
		case errors.Is(err, net.ErrClosed):
			l.err = err
			return
		default: // for the program to hear of, and perhaps to pause
			<-l.places
			l.deliver(accepted{err: err})
		}
	}
}

// deliver is false when nobody will take it.
func (l *Listener) deliver(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// hold looks a connection up, and holds it until somebody takes it.
func (l *Listener) hold(conn net.Conn) {
	defer func() { <-l.places }()
	answer, err := l.lookup(conn)
	if l.ctx.Err() != nil || (err != nil && !l.config.Policy(conn.RemoteAddr(), err)) {
		conn.Close()
		return
	}
	if !l.deliver(accepted{conn: wrap(conn, answer, err)}) {
		conn.Close()
	}
}

func (l *Listener) lookup(conn net.Conn) (Answer, error) {
	q := Question{Wait: l.config.Wait}
	var ok bool
	if q.Fake, ok = addrPort(conn.RemoteAddr()); !ok {
		return Answer{}, fmt.Errorf("%w: the peer %v is not over TCP", ErrQuestion, conn.RemoteAddr())
	}
	if q.Wait < 0 {
		q.Wait = 0
	}
	if l.client.version() != 1 && !l.config.AnyServer {
		q.Server, _ = addrPort(conn.LocalAddr())
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.config.LookupTimeout)
	defer cancel()
	return l.client.Ask(ctx, q)
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	return tcp.AddrPort(), true
}

// A Conn is a connection whose RemoteAddr is the real client.
type Conn interface {
	net.Conn
	// FakeAddr returns the peer that the system knows: the load balancer.
	FakeAddr() net.Addr
	// Lookup returns how the client was found, or why not. With an error, RemoteAddr is FakeAddr.
	Lookup() (Answer, error)
	// NetConn returns the connection that is wrapped.
	NetConn() net.Conn
}

// TCPConn is the [Conn] over TCP. It has the methods of [net.TCPConn]: CloseWrite, ReadFrom,
// SyscallConn, File and so on. A client whose option named no port has port 0.
type TCPConn struct {
	*net.TCPConn
	found
}

// RemoteAddr returns the real client, or the fake one when the client is not known.
func (c *TCPConn) RemoteAddr() net.Addr { return c.remote }

// FakeAddr returns the peer that the system knows: the load balancer.
func (c *TCPConn) FakeAddr() net.Addr { return c.TCPConn.RemoteAddr() }

// NetConn returns the [*net.TCPConn].
func (c *TCPConn) NetConn() net.Conn { return c.TCPConn }

// otherConn is the Conn over anything else.
type otherConn struct {
	net.Conn
	found
}

func (c *otherConn) RemoteAddr() net.Addr { return c.remote }
func (c *otherConn) FakeAddr() net.Addr   { return c.Conn.RemoteAddr() }
func (c *otherConn) NetConn() net.Conn    { return c.Conn }

// found is what a lookup came to.
type found struct {
	remote net.Addr
	answer Answer
	err    error
}

// Lookup returns how the client was found, or why not.
func (f *found) Lookup() (Answer, error) { return f.answer, f.err }

func wrap(conn net.Conn, answer Answer, err error) net.Conn {
	f := found{remote: conn.RemoteAddr(), answer: answer, err: err}
	if err == nil {
		f.remote = net.TCPAddrFromAddrPort(answer.Client.AddrPort())
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &TCPConn{tcp, f}
	}
	return &otherConn{conn, f}
}

// FromConn finds the [Conn] in a connection that was made on top of one and has a NetConn method
// as [crypto/tls.Conn] does. It is false when there is none.
func FromConn(conn net.Conn) (Conn, bool) {
	for conn != nil {
		if c, ok := conn.(Conn); ok {
			return c, true
		}
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	return nil, false
}
