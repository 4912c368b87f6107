package toa

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What programs and the standard library look for in a connection over TCP.
var (
	_ Conn          = (*TCPConn)(nil)
	_ Conn          = (*otherConn)(nil)
	_ io.ReaderFrom = (*TCPConn)(nil)
	_ syscall.Conn  = (*TCPConn)(nil)
	_ interface {
		CloseRead() error
		CloseWrite() error
		File() (*os.File, error)
		SetKeepAlive(bool) error
		SetKeepAlivePeriod(time.Duration) error
		SetLinger(int) error
		SetNoDelay(bool) error
	} = (*TCPConn)(nil)
)

func listen(t testing.TB, service string, config ListenerConfig) *Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config.LookupTimeout == 0 {
		config.LookupTimeout = patience
	}
	client := &Client{Server: service, Timeout: patience}
	l := NewListener(inner, client, config)
	t.Cleanup(func() {
		l.Close()
		client.Close()
	})
	return l
}

func connect(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func accept(t testing.TB, l *Listener) *TCPConn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*TCPConn)
}

func TestListener(t *testing.T) {
	noLeaks(t)
	got := make(chan Question, 1)
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		got <- q
		return with(t, foundAnswer(q))
	})
	l := listen(t, s.address(), ListenerConfig{})
	server := l.Addr().(*net.TCPAddr).AddrPort()
	peer := connect(t, l)
	conn := accept(t, l)
	if q := <-got; q.Server != server || q.Wait > DefaultWait || q.Wait < DefaultWait/2 {
		t.Errorf("%+v", q)
	}
	fake := peer.LocalAddr().(*net.TCPAddr).AddrPort()
	if got, want := conn.RemoteAddr().String(), clientOf(fake).String(); got != want {
		t.Errorf("RemoteAddr is %s, not %s", got, want)
	}
	if got := conn.FakeAddr().String(); got != fake.String() {
		t.Errorf("FakeAddr is %s, not %s", got, fake)
	}
	if conn.LocalAddr().String() != server.String() {
		t.Errorf("LocalAddr is %s", conn.LocalAddr())
	}
	if answer, err := conn.Lookup(); err != nil || answer.Carrier != CarrierACK {
		t.Errorf("%+v, %v", answer, err)
	}

	// Half closed: the peer sees the end of what was sent, and can still send.
	if n, err := conn.ReadFrom(strings.NewReader("hello")); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(peer); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := peer.Write([]byte("back")); err != nil {
		t.Error(err)
	}
	back := make([]byte, 4)
	if _, err := io.ReadFull(conn, back); string(back) != "back" || err != nil {
		t.Errorf("%q, %v", back, err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {}); err != nil {
		t.Error(err)
	}
}

func TestListenerAsksVersion1(t *testing.T) {
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		if q.Version != 1 {
			t.Errorf("version %d", q.Version)
		}
		if n == 0 {
			return with(t, missAnswer(q, NeverSeen))
		}
		return with(t, foundAnswer(q))
	})
	l := listen(t, s.address(), ListenerConfig{})
	l.client.Version = 1
	connect(t, l)
	if conn := accept(t, l); conn.RemoteAddr().String() == conn.FakeAddr().String() {
		t.Error("not found")
	}
}

func TestListenerAnyServer(t *testing.T) {
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		if q.Server.IsValid() || q.Wait != 0 {
			t.Errorf("%+v", q)
		}
		a := foundAnswer(q)
		a.Client = Endpoint{Addr: netip.MustParseAddr("2001:db8::9")}
		return with(t, a)
	})
	l := listen(t, s.address(), ListenerConfig{AnyServer: true, Wait: -1})
	connect(t, l)
	if conn := accept(t, l); conn.RemoteAddr().String() != "[2001:db8::9]:0" {
		t.Error(conn.RemoteAddr())
	}
}

func TestPolicies(t *testing.T) {
	reset := func(fake net.Addr, err error) bool {
		word, ok := Reason(err)
		return ok && word == NoOption
	}
	for name, row := range map[string]struct {
		policy  Policy
		word    Word
		silent  bool
		refused bool
	}{
		"default, a reason":         {word: Expired},
		"default, no answer":        {silent: true},
		"keep, a reason":            {policy: KeepFake, word: NeverSeen},
		"refuse, a reason":          {policy: Refuse, word: NoOption, refused: true},
		"refuse, no answer":         {policy: Refuse, silent: true, refused: true},
		"refuse, found":             {policy: Refuse},
		"own, the reason to keep":   {policy: reset, word: NoOption},
		"own, the other reason":     {policy: reset, word: Untrusted, refused: true},
		"own, no answer":            {policy: reset, silent: true, refused: true},
		"own is not asked if found": {policy: func(net.Addr, error) bool { panic("asked") }},
	} {
		row := row
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
				switch {
				case row.silent && n < 1:
					return reply{}
				case row.word != Found && n < 1:
					return with(t, missAnswer(q, row.word))
				}
				return with(t, foundAnswer(q))
			})
			l := listen(t, s.address(), ListenerConfig{Policy: row.policy, LookupTimeout: time.Second})
			first := connect(t, l)
			taken := make(chan *TCPConn, 1)
			go func() {
				if c, err := l.Accept(); err == nil {
					taken <- c.(*TCPConn)
				} else {
					t.Error(err)
					close(taken)
				}
			}()
			if row.refused { // Accept gives the next one
				first.SetReadDeadline(time.Now().Add(5 * time.Second))
				if _, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("not closed: %v", err)
				}
				connect(t, l)
			}
			conn := <-taken
			if conn == nil {
				t.FailNow()
			}
			defer conn.Close()
			_, err := conn.Lookup()
			fake := conn.RemoteAddr().String() == conn.FakeAddr().String()
			switch {
			case row.refused:
				if conn.FakeAddr().String() == first.LocalAddr().String() {
					t.Error("not refused")
				}
			case row.silent:
				if !fake || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, %v", conn.RemoteAddr(), err)
				}
			case row.word != Found:
				if word, ok := Reason(err); !fake || !ok || word != row.word {
					t.Errorf("%v, %v", conn.RemoteAddr(), err)
				}
			case fake || err != nil:
				t.Errorf("%v, %v", conn.RemoteAddr(), err)
			}
		})
	}
}

// A service that does not answer holds every connection back, each for the time that is configured
// and no longer, and none behind another. Those that it does answer overtake.
func TestSlowService(t *testing.T) {
	noLeaks(t)
	const n, timeout = 50, time.Second
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		if n%2 == 0 {
			return reply{}
		}
		return with(t, foundAnswer(q))
	})
	l := listen(t, s.address(), ListenerConfig{LookupTimeout: timeout})
	l.client.Tries = 1
	l.client.Timeout = time.Minute
	begin := time.Now()
	for i := 0; i < n; i++ {
		connect(t, l)
	}
	for i := 0; i < n; i++ {
		conn := accept(t, l)
		if _, err := conn.Lookup(); (err == nil) != (i < n/2) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	if took := time.Since(begin); took < timeout || took > n*timeout/4 {
		t.Errorf("took %v", took)
	}
}

// No more connections than configured are held.
func TestMaxLookups(t *testing.T) {
	noLeaks(t)
	const n, most, timeout = 9, 3, 50 * time.Millisecond
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply { return reply{} })
	l := listen(t, s.address(), ListenerConfig{LookupTimeout: timeout, MaxLookups: most})
	begin := time.Now()
	for i := 0; i < n; i++ {
		connect(t, l)
	}
	for i := 0; i < n; i++ {
		accept(t, l)
	}
	if took := time.Since(begin); took < n/most*timeout || took > 100*timeout {
		t.Errorf("took %v", took)
	}
}

func TestListenerClose(t *testing.T) {
	noLeaks(t)
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply { return reply{} })
	l := listen(t, s.address(), ListenerConfig{LookupTimeout: time.Minute, Policy: func(net.Addr, error) bool {
		t.Error("the policy is asked for a connection that Close ends")
		return true
	}})
	accepted := make(chan error)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	held := connect(t, l)
	for s.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	held.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := held.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("held, and not closed: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}

	never := listen(t, s.address(), ListenerConfig{})
	if err := never.Close(); err != nil {
		t.Error(err)
	}
	if _, err := never.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}

	below := listen(t, s.address(), ListenerConfig{})
	below.Unwrap().Close()
	for i := 0; i < 2; i++ {
		if _, err := below.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// A scripted listener gives what it is told.
type scripted struct {
	next   chan accepted
	closed chan struct{}
	once   sync.Once
}

func (s *scripted) Accept() (net.Conn, error) {
	select {
	case a := <-s.next:
		return a.conn, a.err
	case <-s.closed:
		return nil, net.ErrClosed
	}
}
func (s *scripted) Close() error   { s.once.Do(func() { close(s.closed) }); return nil }
func (s *scripted) Addr() net.Addr { return &net.UnixAddr{Name: "scripted", Net: "unix"} }

// Errors of the inner listener come through, each once, and do not end the loop.
func TestInnerErrors(t *testing.T) {
	noLeaks(t)
	inner := &scripted{next: make(chan accepted, 3), closed: make(chan struct{})}
	l := NewListener(inner, &Client{}, ListenerConfig{MaxLookups: 1})
	defer l.Close()
	near, far := net.Pipe()
	defer far.Close()
	inner.next <- accepted{err: syscall.EMFILE}
	inner.next <- accepted{err: syscall.ECONNABORTED}
	inner.next <- accepted{conn: near}
	for _, want := range []error{syscall.EMFILE, syscall.ECONNABORTED} {
		if _, err := l.Accept(); err != want {
			t.Errorf("%v, not %v", err, want)
		}
	}
	conn, err := l.Accept() // not over TCP: nobody can be asked about it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.(Conn).Lookup(); !errors.Is(err, ErrQuestion) {
		t.Error(err)
	}
	if conn.RemoteAddr() != near.RemoteAddr() || conn.(Conn).FakeAddr() != near.RemoteAddr() || conn.(Conn).NetConn() != near {
		t.Errorf("%v", conn)
	}
}

// An HTTP server, plain and over TLS, sees the client in each request, and can find the fake address.
func TestHTTP(t *testing.T) {
	noLeaks(t)
	service := startService(t, "127.0.0.1:0", func(n int, q Question) reply { return with(t, foundAnswer(q)) })
	for name, start := range map[string]func(*httptest.Server){"http": (*httptest.Server).Start, "https": (*httptest.Server).StartTLS} {
		start := start
		t.Run(name, func(t *testing.T) {
			type key struct{}
			site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, r.RemoteAddr+" "+r.Context().Value(key{}).(string))
			}))
			site.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
				conn, ok := FromConn(c)
				if !ok {
					t.Errorf("%T", c)
					return ctx
				}
				return context.WithValue(ctx, key{}, conn.FakeAddr().String())
			}
			site.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that the visitor gave up
			client := &Client{Server: service.address(), Timeout: patience}
			defer client.Close()
			site.Listener = NewListener(site.Listener, client, ListenerConfig{Policy: Refuse, LookupTimeout: patience})
			start(site)
			defer site.Close()
			var all sync.WaitGroup
			for i := 0; i < 20; i++ {
				all.Add(1)
				go func() {
					defer all.Done()
					visitor := site.Client()
					response, err := visitor.Get(site.URL)
					if err != nil {
						t.Error(err)
						return
					}
					defer response.Body.Close()
					body, err := io.ReadAll(response.Body)
					real, fake, _ := bytes.Cut(body, []byte(" "))
					endpoint, parseErr := netip.ParseAddrPort(string(fake))
					if err != nil || parseErr != nil || string(real) != clientOf(endpoint).String() {
						t.Errorf("%s, %v, %v", body, err, parseErr)
					}
				}()
			}
			all.Wait()
		})
	}
}

func TestFromConn(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if _, ok := FromConn(near); ok {
		t.Error("found in a pipe")
	}
	if _, ok := FromConn(nil); ok {
		t.Error("found in nothing")
	}
	if _, ok := FromConn(tls.Client(near, &tls.Config{})); ok {
		t.Error("found in TLS over a pipe")
	}
	if c, ok := FromConn(tls.Client(wrap(near, Answer{}, ErrNotFound), &tls.Config{})); !ok || c.NetConn() != near {
		t.Error("not found in TLS")
	}
}
