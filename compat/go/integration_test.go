package toa

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const skipped = "NOT TESTED against the real service: TOA_PROGRAM does not name the program toa"

func TestMain(m *testing.M) {
	if os.Getenv("TOA_PROGRAM") == "" {
		fmt.Fprintln(os.Stderr, skipped)
	}
	os.Exit(m.Run())
}

const cases = "../../corpus/cases"

// A daemon is `toa serve` on a capture, at a time.
type daemon struct {
	t       testing.TB
	command *exec.Cmd
	address string
	errors  bytes.Buffer
	ended   chan struct{}
	once    sync.Once
}

func startDaemon(t testing.TB, address, at string) *daemon {
	t.Helper()
	program := os.Getenv("TOA_PROGRAM")
	if program == "" {
		t.Skip(skipped)
	}
	d := &daemon{t: t, address: address, ended: make(chan struct{})}
	d.command = exec.Command(program, "serve", "--read", filepath.Join(cases, "showcase.pcap"), "--at", at, "--listen", address)
	d.command.Stderr = &d.errors
	if err := d.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		d.command.Wait()
		close(d.ended)
	}()
	t.Cleanup(d.stop)

	client := &Client{Server: address, Tries: 1}
	defer client.Close()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		select {
		case <-d.ended:
			t.Fatalf("%v: %v\n%s", d.command, d.command.ProcessState, d.errors.String())
		default:
		}
		if _, err := client.Lookup(context.Background(), peer, netip.AddrPort{}); err == nil || errors.Is(err, ErrNotFound) {
			return d
		}
	}
	t.Fatalf("%v does not answer", d.command)
	return nil
}

func (d *daemon) stop() {
	d.once.Do(func() {
		if runtime.GOOS == "windows" {
			d.command.Process.Kill()
			<-d.ended
			return
		}
		d.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.ended:
		case <-time.After(30 * time.Second):
			d.t.Errorf("%v does not end", d.command)
			d.command.Process.Kill()
			<-d.ended
		}
		if !d.command.ProcessState.Success() {
			d.t.Errorf("%v: %v\n%s", d.command, d.command.ProcessState, d.errors.String())
		}
	})
}

// The asks of the case behind its last frame, by time: TIME FAKE[>SERVER] CLIENT|WORD KEY=VALUE...
func readAsks(t *testing.T) map[string][][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cases, "showcase.case"))
	if err != nil {
		t.Fatal(err)
	}
	byTime := map[string][][]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if line == "---" {
			break
		}
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "ask" {
			continue
		}
		if at, err := strconv.ParseFloat(words[1], 64); err != nil {
			t.Fatal(err)
		} else if at >= 6 {
			byTime[words[1]] = append(byTime[words[1]], words[2:])
		}
	}
	if len(byTime["6"]) < 10 || len(byTime) < 3 {
		t.Fatalf("too few asks: %v", byTime)
	}
	return byTime
}

// Every ask of the case is answered over the wire as the case says, with both versions.
func TestDaemonAnswersAsTheCaseSays(t *testing.T) {
	for at, asks := range readAsks(t) {
		asks := asks
		t.Run("at "+at, func(t *testing.T) {
			d := startDaemon(t, unusedPort(t), at)
			client := &Client{Server: d.address}
			defer client.Close()
			for _, words := range asks {
				fakeText, serverText, hasServer := strings.Cut(words[0], ">")
				q := Question{Fake: netip.MustParseAddrPort(fakeText)}
				if hasServer {
					q.Server = netip.MustParseAddrPort(serverText)
				}
				answer, err := client.Ask(context.Background(), q)
				got := answer.Client.String()
				if word, ok := Reason(err); ok {
					got = word.String()
				} else if err != nil {
					got = err.Error()
				}
				if got != words[1] {
					t.Errorf("%v: %s", words, got)
				}
				for _, word := range words[2:] {
					key, want, _ := strings.Cut(word, "=")
					has, ok := map[string]string{
						"kind": fmt.Sprint(answer.Kind), "carrier": answer.Carrier.String(), "free": fmt.Sprint(answer.Free),
						"vip": answer.VirtualServer.String(), "ago": fmt.Sprint(answer.Age.Nanoseconds()),
					}[key]
					if !ok || has != want {
						t.Errorf("%v: %s is %q", words, key, has)
					}
				}

				// Version 1 has no room for IPv6, and no reasons.
				code, ip, port := QueryToa(d.address, q.Fake.Addr().String(), q.Fake.Port())
				if err == nil && answer.Client.Addr.Is4() {
					if code != QueryOK || netip.AddrPortFrom(netip.MustParseAddr(ip), port) != answer.Client.AddrPort() {
						t.Errorf("%v: QueryToa says %d, %q, %d", words, code, ip, port)
					}
				} else if code != QueryNotFound || ip != "" || port != 0 {
					t.Errorf("%v: QueryToa says %d, %q, %d", words, code, ip, port)
				}
			}
		})
	}
}

func TestDaemonWaits(t *testing.T) {
	d := startDaemon(t, unusedPort(t), "6")
	client := &Client{Server: d.address}
	defer client.Close()
	const wait = 200 * time.Millisecond
	fake := netip.MustParseAddrPort("10.0.2.20:33004")
	for _, version := range []int{1, 2} {
		begin := time.Now()
		_, err := client.Ask(context.Background(), Question{Version: version, Fake: fake, Wait: wait})
		if word, _ := Reason(err); word != NeverSeen {
			t.Errorf("version %d: %v", version, err)
		}
		if took := time.Since(begin); took < wait || took > wait+5*time.Second {
			t.Errorf("version %d: took %v", version, took)
		}
	}
}

// A service that is ended and started again, while many ask.
func TestDaemonIsRestarted(t *testing.T) {
	d := startDaemon(t, unusedPort(t), "6")
	client := &Client{Server: d.address, Tries: 1000}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				answer, err := client.Lookup(ctx, peer, netip.AddrPort{})
				if err != nil || answer.Client.String() != "192.0.2.147:39999" {
					t.Errorf("%v, %v", answer.Client, err)
					return
				}
			}
		}()
	}
	for i := 0; i < 3; i++ {
		time.Sleep(50 * time.Millisecond)
		d.stop()
		d = startDaemon(t, d.address, "6")
	}
	close(stop)
	all.Wait()
}

// A connection that is in no capture.
func TestDaemonAndListener(t *testing.T) {
	d := startDaemon(t, unusedPort(t), "6")
	l := listen(t, d.address, ListenerConfig{Wait: 20 * time.Millisecond, LookupTimeout: 10 * time.Second})
	connect(t, l)
	conn := accept(t, l)
	if word, _ := Reason(func() error { _, err := conn.Lookup(); return err }()); word != NeverSeen {
		_, err := conn.Lookup()
		t.Error(err)
	}
	if _, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || conn.RemoteAddr().String() != conn.FakeAddr().String() {
		t.Errorf("%v", conn.RemoteAddr())
	}
}
