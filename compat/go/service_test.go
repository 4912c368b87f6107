package toa

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How long a test waits for what comes at once on a machine that is not busy.
const patience = 30 * time.Second

// A fakeService is a service in this process: its answers come from a function.
type fakeService struct {
	conn  *net.UDPConn
	asked atomic.Int64
	done  sync.WaitGroup
}

// A reply is what goes back: any number of datagrams, after some time.
type reply struct {
	after     time.Duration
	datagrams [][]byte
	elsewhere bool // from another port than the one that was asked
}

func (r reply) and(datagrams ...[]byte) reply {
	r.datagrams = append(r.datagrams, datagrams...)
	return r
}

func with(t testing.TB, a Answer) reply {
	b, err := a.MarshalBinary()
	if err != nil {
		t.Error(err)
	}
	return reply{datagrams: [][]byte{b}}
}

// startService answers the nth question, from 0, with what answer returns.
func startService(t testing.TB, address string, answer func(n int, q Question) reply) *fakeService {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeService{conn: conn}
	other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.addrPort().Addr(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		var b [2048]byte
		for {
			n, peer, err := conn.ReadFromUDPAddrPort(b[:])
			if err != nil {
				return
			}
			var q Question
			if q.UnmarshalBinary(b[:n]) != nil {
				continue
			}
			r := answer(int(s.asked.Add(1)-1), q)
			s.done.Add(1)
			send := func() {
				defer s.done.Done()
				for _, d := range r.datagrams {
					if r.elsewhere {
						other.WriteToUDPAddrPort(d, peer)
					} else {
						conn.WriteToUDPAddrPort(d, peer)
					}
				}
			}
			if r.after == 0 {
				send()
			} else {
				time.AfterFunc(r.after, send)
			}
		}
	}()
	t.Cleanup(func() {
		s.stop()
		other.Close()
	})
	return s
}

func (s *fakeService) addrPort() netip.AddrPort {
	return s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (s *fakeService) address() string { return s.conn.LocalAddr().String() }

func (s *fakeService) stop() {
	s.conn.Close()
	s.done.Wait()
}

// clientOf is a function of the fake endpoint, so that an answer to another question shows.
func clientOf(fake netip.AddrPort) Endpoint {
	b := fake.Addr().AsSlice()
	for i := range b {
		b[i] ^= 0x5a
	}
	b[len(b)-1] += byte(fake.Port() >> 8)
	a, _ := netip.AddrFromSlice(b)
	return Endpoint{Addr: a, Port: ^fake.Port(), HasPort: true}
}

func foundAnswer(q Question) Answer {
	a := Answer{Version: q.Version, ID: q.ID, Word: Found, Client: clientOf(q.Fake)}
	if q.Version == 2 {
		a.Kind, a.Carrier, a.Server = 254, CarrierACK, q.Server
	}
	return a
}

func missAnswer(q Question, word Word) Answer {
	return Answer{Version: q.Version, ID: q.ID, Word: word}
}

// unusedPort is an address at which nobody listens.
func unusedPort(t testing.TB) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

// noLeaks fails the test when it leaves goroutines or files behind. It is called first, so that it
// looks last.
func noLeaks(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		var g, f int
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if g, f = runtime.NumGoroutine(), openFiles(); g <= goroutines && f <= files {
				return
			}
		}
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Errorf("%d goroutines and %d sockets; %d and %d before\n%s", g, f, goroutines, files, stacks)
	})
}

// openFiles counts sockets: 0 where there is no /proc.
func openFiles() int {
	names, _ := os.ReadDir("/proc/self/fd")
	n := 0
	for _, name := range names {
		if to, _ := os.Readlink("/proc/self/fd/" + name.Name()); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
