package toa

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	peer   = netip.MustParseAddrPort("10.0.1.7:40001")
	peer6  = netip.MustParseAddrPort("[2001:db8::7]:40001")
	server = netip.MustParseAddrPort("10.0.0.80:443")
)

// Each row is a question, what the service makes of it, and what comes back.
func TestAsk(t *testing.T) {
	for name, row := range map[string]struct {
		client *Client
		ask    Question
		answer func(n int, q Question) reply
		word   Word
		lost   bool // no answer
		asked  int  // datagrams; 0: any number
	}{
		"version 2 is found": {
			ask:    Question{Fake: peer, Server: server},
			answer: func(n int, q Question) reply { return with(t, foundAnswer(q)) },
			asked:  1,
		},
		"version 1 is found": {
			client: &Client{Version: 1},
			ask:    Question{Fake: peer},
			answer: func(n int, q Question) reply { return with(t, foundAnswer(q)) },
			asked:  1,
		},
		"the question's version goes before the client's": {
			client: &Client{Version: 1},
			ask:    Question{Version: 2, Fake: peer6, Server: server},
			answer: func(n int, q Question) reply { return with(t, foundAnswer(q)) },
			asked:  1,
		},
		"IPv6": {
			ask:    Question{Fake: peer6},
			answer: func(n int, q Question) reply { return with(t, foundAnswer(q)) },
			asked:  1,
		},
		"an answer arrives at the third question": {
			client: &Client{Timeout: 300 * time.Millisecond},
			ask:    Question{Fake: peer},
			answer: func(n int, q Question) reply {
				if n < 2 {
					return reply{}
				}
				return with(t, foundAnswer(q))
			},
			asked: 3,
		},
		"an answer that is later than a try is still an answer": {
			client: &Client{Timeout: 400 * time.Millisecond},
			ask:    Question{Fake: peer},
			answer: func(n int, q Question) reply {
				r := with(t, foundAnswer(q))
				r.after = 600 * time.Millisecond
				return r
			},
		},
		"no answer": {
			client: &Client{Timeout: 10 * time.Millisecond, Tries: 4},
			ask:    Question{Fake: peer},
			answer: func(n int, q Question) reply { return reply{} },
			lost:   true,
			asked:  4,
		},
		"datagrams that are no answers are passed over": {
			ask: Question{Fake: peer},
			answer: func(n int, q Question) reply {
				right := with(t, foundAnswer(q)).datagrams[0]
				broken := append([]byte(nil), right...)
				broken[79] = 1
				other := foundAnswer(q)
				other.ID++
				other.Client = Endpoint{Addr: netip.MustParseAddr("192.0.2.1")}
				version1 := Answer{Version: 1, ID: q.ID, Word: NeverSeen}
				return reply{}.and(nil, []byte("x"), broken, make([]byte, 1400), right[:79]).
					and(with(t, other).datagrams...).and(with(t, version1).datagrams...).and(right)
			},
			asked: 1,
		},
		"an answer that comes twice": {
			ask: Question{Fake: peer},
			answer: func(n int, q Question) reply {
				r := with(t, foundAnswer(q))
				return r.and(r.datagrams[0])
			},
			asked: 1,
		},
		"an answer from elsewhere is none": {
			client: &Client{Timeout: 10 * time.Millisecond},
			ask:    Question{Fake: peer},
			answer: func(n int, q Question) reply {
				r := with(t, foundAnswer(q))
				r.elsewhere = true
				return r
			},
			lost:  true,
			asked: 3,
		},
		"a question's wait is beside the timeout": {
			client: &Client{Timeout: time.Second, Tries: 1},
			ask:    Question{Fake: peer, Wait: 1500 * time.Millisecond},
			answer: func(n int, q Question) reply {
				r := with(t, foundAnswer(q))
				r.after = q.Wait
				return r
			},
			asked: 1,
		},
		"what was waited is not waited again": {
			client: &Client{Timeout: 500 * time.Millisecond, Tries: 2},
			ask:    Question{Fake: peer, Wait: 50 * time.Millisecond},
			answer: func(n int, q Question) reply {
				if n == 0 || q.Wait != 0 {
					return reply{}
				}
				return with(t, missAnswer(q, NoOption))
			},
			word:  NoOption,
			asked: 2,
		},
		"version 1 asks again instead of waiting": {
			client: &Client{Version: 1},
			ask:    Question{Fake: peer, Wait: 5 * time.Second},
			answer: func(n int, q Question) reply {
				if n < 4 {
					return with(t, missAnswer(q, NeverSeen))
				}
				return with(t, foundAnswer(q))
			},
			asked: 5,
		},
		"version 1 asks in vain": {
			client: &Client{Version: 1},
			ask:    Question{Fake: peer, Wait: 7 * time.Millisecond},
			answer: func(n int, q Question) reply { return with(t, missAnswer(q, NeverSeen)) },
			word:   NeverSeen,
		},
	} {
		row, name := row, name
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			s := startService(t, "127.0.0.1:0", row.answer)
			client := row.client
			if client == nil {
				client = &Client{}
			}
			if client.Timeout == 0 {
				client.Timeout = patience
			}
			client.Server = s.address()
			defer client.Close()
			answer, err := client.Ask(context.Background(), row.ask)
			if asked := int(s.asked.Load()); row.asked != 0 && asked != row.asked {
				t.Errorf("asked %d times, not %d", asked, row.asked)
			}
			var network *NetworkError
			switch {
			case row.lost:
				if !errors.As(err, &network) || !network.Timeout() || network.Tries != client.tries() || errors.Is(err, ErrNotFound) {
					t.Errorf("%+v, %v", answer, err)
				}
			case row.word != Found:
				if word, ok := Reason(err); !ok || word != row.word || answer.Word != row.word {
					t.Errorf("%+v, %v", answer, err)
				}
			case err != nil:
				t.Error(err)
			case answer.Word != Found || answer.Client != clientOf(row.ask.Fake) || answer.Server != row.ask.Server:
				t.Errorf("%+v", answer)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		return with(t, missAnswer(q, Word(q.Fake.Port())))
	})
	client := &Client{Server: s.address(), Timeout: patience}
	defer client.Close()
	for word, name := range words {
		if word == Found {
			continue
		}
		fake := netip.AddrPortFrom(peer.Addr(), uint16(word))
		answer, err := client.Lookup(context.Background(), fake, server)
		var miss *MissError
		if !errors.As(err, &miss) || !errors.Is(err, ErrNotFound) {
			t.Fatalf("%s: %v", name, err)
		}
		if miss.Word != word || miss.Fake != fake || miss.Server != server || miss.Answer != answer {
			t.Errorf("%s: %+v", name, miss)
		}
		if want := fmt.Sprintf("toa: 10.0.1.7:%d: %s", word, name); err.Error() != want {
			t.Errorf("%s, not %s", err, want)
		}
	}
}

func TestQuestionIsPutIntoForm(t *testing.T) {
	got := make(chan Question, 1)
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		got <- q
		return with(t, foundAnswer(q))
	})
	client := &Client{Server: s.address(), Timeout: patience}
	defer client.Close()
	_, err := client.Ask(context.Background(), Question{
		Fake:   netip.MustParseAddrPort("[::ffff:10.0.1.7]:40001"),
		Server: netip.MustParseAddrPort("[fe80::1%lo]:443"),
		Wait:   100*time.Millisecond - 999*time.Microsecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	q := <-got
	if q.Fake != peer || q.Server != netip.MustParseAddrPort("[fe80::1]:443") || q.Wait < 90*time.Millisecond || q.Wait > 100*time.Millisecond {
		t.Errorf("%+v", q)
	}
}

func TestNobodyListens(t *testing.T) {
	noLeaks(t)
	client := &Client{Server: unusedPort(t), Timeout: 5 * time.Second}
	defer client.Close()
	begin := time.Now()
	_, err := client.Lookup(context.Background(), peer, server)
	var network *NetworkError
	if !errors.As(err, &network) || !errors.Is(err, syscall.ECONNREFUSED) || network.Timeout() {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %v to see that nobody listens", took)
	}
}

func TestWrongAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "127.0.0.1:http:", "127.0.0.1:65536", "127.0.0.1:-1", "[::1:1"} {
		client := &Client{Server: address}
		_, err := client.Lookup(context.Background(), peer, server)
		var network *NetworkError
		if !errors.As(err, &network) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
		client.Close()
	}
}

// A service that is gone for a while is asked again, over a new socket if need be.
func TestServiceIsRestarted(t *testing.T) {
	noLeaks(t)
	answer := func(n int, q Question) reply { return with(t, foundAnswer(q)) }
	s := startService(t, "127.0.0.1:0", answer)
	address := s.address()
	client := &Client{Server: address, Sockets: 1, Tries: 50}
	defer client.Close()
	for round := 0; round < 3; round++ {
		if _, err := client.Lookup(context.Background(), peer, server); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		s.stop()
		started := make(chan *fakeService)
		go func() {
			time.Sleep(30 * time.Millisecond)
			started <- startService(t, address, answer)
		}()
		if _, err := client.Lookup(context.Background(), peer, server); err != nil {
			t.Errorf("round %d, while it is restarted: %v", round, err)
		}
		s = <-started
	}
}

// The name stands for two addresses, and the service listens on the second.
func TestLocalhost(t *testing.T) {
	addresses, err := net.LookupHost("localhost")
	if err != nil || !strings.Contains(" "+strings.Join(addresses, " "), " ::1") {
		t.Skipf("localhost is %v here, %v", addresses, err)
	}
	if l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv6loopback}); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else {
		l.Close()
	}
	s := startService(t, "[::1]:0", func(n int, q Question) reply { return with(t, foundAnswer(q)) })
	client := &Client{Server: fmt.Sprintf("localhost:%d", s.addrPort().Port())}
	defer client.Close()
	if _, err := client.Lookup(context.Background(), peer, server); err != nil {
		t.Error(err)
	}
}

func TestContext(t *testing.T) {
	noLeaks(t)
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply { return reply{} })
	client := &Client{Server: s.address(), Timeout: time.Minute}
	defer client.Close()

	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err := client.Lookup(ctx, peer, server)
	var network *NetworkError
	if !errors.As(err, &network) || !errors.Is(err, context.DeadlineExceeded) || !network.Timeout() {
		t.Errorf("deadline: %v", err)
	}
	_, err = client.Lookup(ctx, peer, server)
	if !errors.Is(err, context.DeadlineExceeded) || s.asked.Load() != 1 {
		t.Errorf("deadline before: %v, asked %d times", err, s.asked.Load())
	}

	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = client.Lookup(ctx, peer, server)
	if !errors.As(err, &network) || !errors.Is(err, context.Canceled) || network.Timeout() {
		t.Errorf("cancel: %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// A context that ends while version 1 asks again leaves the answer that there is.
func TestContextEndsBetweenQuestions(t *testing.T) {
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply { return with(t, missAnswer(q, NeverSeen)) })
	client := &Client{Server: s.address(), Version: 1}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := client.Ask(ctx, Question{Fake: peer, Wait: time.Minute})
	if !errors.Is(err, ErrNotFound) || err.Error() != "toa: 10.0.1.7:40001: not found" {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	noLeaks(t)
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply { return reply{} })
	client := &Client{Server: s.address(), Timeout: time.Minute}
	const n = 20
	ended := make(chan error, n)
	for i := 0; i < n; i++ {
		go func() {
			_, err := client.Lookup(context.Background(), peer, server)
			ended <- err
		}()
	}
	for s.asked.Load() < n {
		time.Sleep(time.Millisecond)
	}
	client.Close()
	for i := 0; i < n; i++ {
		if err := <-ended; !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := client.Lookup(context.Background(), peer, server); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if err := new(Client).Close(); err != nil {
		t.Errorf("never used: %v", err)
	}
}

// Many goroutines share few sockets, and each gets its own answer, with losses, delays, repeats and
// answers out of order.
func TestManyGoroutines(t *testing.T) {
	noLeaks(t)
	var mu sync.Mutex
	random := rand.New(rand.NewSource(1))
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		mu.Lock()
		defer mu.Unlock()
		r := with(t, foundAnswer(q))
		switch random.Intn(20) {
		case 0:
			return reply{}
		case 1:
			r = r.and(r.datagrams[0])
		case 2, 3, 4:
			r.after = time.Duration(random.Intn(3000)) * time.Microsecond
		case 5:
			r = reply{}.and([]byte("garbage")).and(r.datagrams...)
		}
		return r
	})
	client := &Client{Server: s.address(), Timeout: 100 * time.Millisecond, Tries: 20}
	defer client.Close()
	var all sync.WaitGroup
	for i := 0; i < 64; i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			for j := 0; j < 50; j++ {
				q := Question{Version: 2, Fake: netip.AddrPortFrom(peer6.Addr(), uint16(i<<8|j)), Server: server}
				if j%2 == 0 {
					q = Question{Version: 1, Fake: netip.AddrPortFrom(peer.Addr(), uint16(i<<8|j))}
				}
				if answer, err := client.Ask(context.Background(), q); err != nil || answer.Client != clientOf(q.Fake) {
					t.Errorf("%v: %v, %v", q.Fake, answer.Client, err)
				}
			}
		}()
	}
	all.Wait()
	if sockets := openFiles(); sockets > 40 {
		t.Errorf("%d sockets are open", sockets)
	}
}

// A socket that lost its service is given up; one that heard answers for others is kept.
func TestSocketsAreReplaced(t *testing.T) {
	for name, heard := range map[string]bool{"nothing heard": false, "others hear": true} {
		heard := heard
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			lost := netip.AddrPortFrom(peer.Addr(), 1)
			s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
				if q.Fake == lost {
					return reply{}
				}
				return with(t, foundAnswer(q))
			})
			client := &Client{Server: s.address(), Sockets: 1, Timeout: time.Second, Tries: 1}
			defer client.Close()
			if _, err := client.Lookup(context.Background(), peer, server); err != nil {
				t.Fatal(err)
			}
			before := client.slots[0].socket.Load()
			if heard {
				time.AfterFunc(5*time.Millisecond, func() { client.Lookup(context.Background(), peer, server) })
			}
			if _, err := client.Lookup(context.Background(), lost, server); err == nil {
				t.Fatal("found")
			}
			if kept := client.slots[0].socket.Load() == before; kept != heard {
				t.Errorf("kept: %v", kept)
			}
			if _, err := client.Lookup(context.Background(), peer, server); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCannotAsk(t *testing.T) {
	client := &Client{Server: unusedPort(t)}
	defer client.Close()
	for name, q := range map[string]Question{
		"no peer":           {},
		"version 1, IPv6":   {Version: 1, Fake: peer6},
		"version 1, server": {Version: 1, Fake: peer, Server: server},
		"version 3":         {Version: 3, Fake: peer},
		"wait":              {Fake: peer, Wait: time.Hour},
	} {
		if _, err := client.Ask(context.Background(), q); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQueryToa(t *testing.T) {
	noLeaks(t)
	s := startService(t, "127.0.0.1:0", func(n int, q Question) reply {
		if q.Version != 1 {
			t.Errorf("version %d", q.Version)
		}
		if q.Fake == peer {
			a := foundAnswer(q)
			a.Client = Endpoint{Addr: netip.MustParseAddr("203.0.113.9"), Port: 51514, HasPort: true}
			return with(t, a)
		}
		return with(t, missAnswer(q, NeverSeen))
	})
	for _, row := range []struct {
		server, ip string
		port       uint16
		code       int32
		realIP     string
		realPort   uint16
	}{
		{s.address(), "10.0.1.7", 40001, 0, "203.0.113.9", 51514},
		{s.address(), "::ffff:10.0.1.7", 40001, 0, "203.0.113.9", 51514},
		{s.address(), "10.0.1.7", 40002, -1, "", 0},
		{s.address(), "10.0.1.8", 40001, -1, "", 0},
		{s.address(), "10.0.1", 40001, -1, "", 0},
		{s.address(), "", 40001, -1, "", 0},
		{s.address(), "2001:db8::7", 40001, -1, "", 0},
		{unusedPort(t), "10.0.1.7", 40001, -2, "", 0},
		{"127.0.0.1", "10.0.1.7", 40001, -2, "", 0},
		{"127.0.0.1:99999", "10.0.1.7", 40001, -2, "", 0},
	} {
		code, ip, port := QueryToa(row.server, row.ip, row.port)
		if code != row.code || ip != row.realIP || port != row.realPort {
			t.Errorf("%v: %d, %q, %d", row, code, ip, port)
		}
	}
}

func BenchmarkAsk(b *testing.B) {
	s := startService(b, "127.0.0.1:0", func(n int, q Question) reply { return with(b, foundAnswer(q)) })
	client := &Client{Server: s.address(), Timeout: patience}
	defer client.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.Lookup(context.Background(), peer, server); err != nil {
				b.Error(err)
			}
		}
	})
}
