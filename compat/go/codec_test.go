package toa

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

type vector struct {
	name, direction, result string
	bytes                   []byte
	fields                  string            // as they stand
	values                  map[string]string // by key
}

// readVectors reads the file that the tests of every client read.
func readVectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.Open("../../corpus/vectors/query.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []vector
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.SplitN(line, " ", 5)
		if len(parts) < 4 || (len(parts) == 5) != (parts[2] == "found") {
			t.Fatalf("not a vector: %s", line)
		}
		v := vector{name: parts[0], direction: parts[1], result: parts[2], values: map[string]string{}}
		if parts[3] != "-" {
			if v.bytes, err = hex.DecodeString(parts[3]); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
		}
		if len(parts) == 5 {
			v.fields = parts[4]
			for _, field := range strings.Split(v.fields, " ") {
				key, value, ok := strings.Cut(field, "=")
				if !ok {
					t.Fatalf("%s: not a field: %s", v.name, field)
				}
				v.values[key] = value
			}
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func (v vector) number(t *testing.T, key string) uint64 {
	n, err := strconv.ParseUint(v.values[key], 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}

func (v vector) endpoint(t *testing.T, key string) Endpoint {
	text := v.values[key]
	if text == "-" {
		return Endpoint{}
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return Endpoint{Addr: a}
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return Endpoint{Addr: a.Addr(), Port: a.Port(), HasPort: true}
}

func (v vector) word(t *testing.T) Word {
	for word, name := range words {
		if name == v.values["word"] {
			return word
		}
	}
	t.Fatalf("no word %q", v.values["word"])
	return 0
}

func (v vector) question(t *testing.T) Question {
	q := Question{
		Version: int(v.number(t, "version")),
		ID:      uint32(v.number(t, "id")),
		Fake:    v.endpoint(t, "fake").AddrPort(),
	}
	if q.Version == 2 {
		q.Server = v.endpoint(t, "server").AddrPort()
		q.Wait = time.Duration(v.number(t, "wait")) * time.Millisecond
	}
	return q
}

func (v vector) answer(t *testing.T) Answer {
	a := Answer{
		Version: int(v.number(t, "version")),
		ID:      uint32(v.number(t, "id")),
		Word:    v.word(t),
		Client:  v.endpoint(t, "client"),
	}
	if a.Version == 2 {
		a.Ambiguous = v.number(t, "ambiguous") != 0
		a.Free = uint8(v.number(t, "free"))
		a.Kind = uint8(v.number(t, "kind"))
		for c := CarrierNone; c <= CarrierData; c++ {
			if c.String() == v.values["carrier"] {
				a.Carrier = c
			}
		}
		a.VirtualServer = v.endpoint(t, "vip")
		a.Server = v.endpoint(t, "server").AddrPort()
		a.Age = time.Duration(v.number(t, "age"))
	}
	return a
}

// What the fields of a datagram look like in the file.
func questionFields(q Question) string {
	s := fmt.Sprintf("version=%d id=%d fake=%s", q.Version, q.ID, addrPortString(q.Fake))
	if q.Version == 2 {
		s += fmt.Sprintf(" server=%s wait=%d", addrPortString(q.Server), q.Wait.Milliseconds())
	}
	return s
}

func answerFields(a Answer) string {
	s := fmt.Sprintf("version=%d id=%d word=%s", a.Version, a.ID, a.Word)
	if a.Version == 1 {
		return s + " client=" + a.Client.String()
	}
	ambiguous := 0
	if a.Ambiguous {
		ambiguous = 1
	}
	return s + fmt.Sprintf(" ambiguous=%d free=%d kind=%d carrier=%s client=%s vip=%s server=%s age=%d",
		ambiguous, a.Free, a.Kind, a.Carrier, a.Client, a.VirtualServer, addrPortString(a.Server), a.Age.Nanoseconds())
}

func TestVectors(t *testing.T) {
	results := map[string]error{"found": nil, "malformed": ErrMalformed, "foreign": ErrForeign}
	count := map[string]int{}
	for _, v := range readVectors(t) {
		v := v
		count[v.direction+" "+v.result]++
		t.Run(v.name, func(t *testing.T) {
			want, ok := results[v.result]
			if !ok {
				t.Fatalf("no result %q", v.result)
			}
			var fields string
			var err error
			var again []byte
			switch v.direction {
			case "query":
				before := Question{Version: 7}
				q := before
				if err = q.UnmarshalBinary(v.bytes); err != nil && q != before {
					t.Errorf("written with %v", err)
				} else if err == nil {
					fields = questionFields(q)
					if again, err = v.question(t).MarshalBinary(); err != nil {
						t.Fatal(err)
					}
				}
			case "answer":
				before := Answer{Version: 7}
				a := before
				if err = a.UnmarshalBinary(v.bytes); err != nil && a != before {
					t.Errorf("written with %v", err)
				} else if err == nil {
					fields = answerFields(a)
					if again, err = v.answer(t).MarshalBinary(); err != nil {
						t.Fatal(err)
					}
				}
			default:
				t.Fatalf("no direction %q", v.direction)
			}
			if err != want {
				t.Fatalf("%v, not %v", err, want)
			}
			if fields != v.fields {
				t.Errorf("read:\n%s\nnot:\n%s", fields, v.fields)
			}
			if err == nil && !bytes.Equal(again, v.bytes) {
				t.Errorf("written:\n%x\nnot:\n%x", again, v.bytes)
			}
		})
	}
	for direction := range map[string]bool{"query": true, "answer": true} {
		for result := range results {
			if count[direction+" "+result] == 0 {
				t.Errorf("no vector %s %s", direction, result)
			}
		}
	}
}

func TestQuestionsThatCannotBeAsked(t *testing.T) {
	ip4, ip6 := netip.MustParseAddrPort("10.0.1.7:40001"), netip.MustParseAddrPort("[2001:db8::7]:40001")
	for name, q := range map[string]Question{
		"no version":                  {Fake: ip4},
		"version 3":                   {Version: 3, Fake: ip4},
		"version 1, no peer":          {Version: 1},
		"version 1, IPv6":             {Version: 1, Fake: ip6},
		"version 1, mapped":           {Version: 1, Fake: netip.MustParseAddrPort("[::ffff:10.0.1.7]:40001")},
		"version 1, server":           {Version: 1, Fake: ip4, Server: ip4},
		"version 1, wait":             {Version: 1, Fake: ip4, Wait: time.Millisecond},
		"version 2, no peer":          {Version: 2},
		"version 2, zone":             {Version: 2, Fake: netip.MustParseAddrPort("[fe80::1%eth0]:1")},
		"version 2, zone of server":   {Version: 2, Fake: ip4, Server: netip.MustParseAddrPort("[fe80::1%eth0]:1")},
		"version 2, server's port":    {Version: 2, Fake: ip4, Server: netip.AddrPortFrom(netip.Addr{}, 443)},
		"version 2, negative wait":    {Version: 2, Fake: ip4, Wait: -time.Millisecond},
		"version 2, wait of µs":       {Version: 2, Fake: ip4, Wait: time.Microsecond},
		"version 2, wait of 65.536 s": {Version: 2, Fake: ip4, Wait: 65536 * time.Millisecond},
	} {
		if b, err := q.MarshalBinary(); !errors.Is(err, ErrQuestion) || b != nil {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}

func TestAnswersThatCannotBeWritten(t *testing.T) {
	client := Endpoint{Addr: netip.MustParseAddr("203.0.113.9"), Port: 51514, HasPort: true}
	alone := Endpoint{Addr: client.Addr}
	ip6 := Endpoint{Addr: netip.MustParseAddr("2001:db8::9"), Port: 51514, HasPort: true}
	for name, a := range map[string]Answer{
		"no version":                  {Client: client},
		"version 1, no client":        {Version: 1},
		"version 1, IPv6":             {Version: 1, Client: ip6},
		"version 1, no port":          {Version: 1, Client: alone},
		"version 1, a reason":         {Version: 1, Word: Expired},
		"version 1, reason and who":   {Version: 1, Word: NeverSeen, Client: client},
		"version 1, a kind":           {Version: 1, Client: client, Kind: 254},
		"version 2, no client":        {Version: 2},
		"version 2, reason and who":   {Version: 2, Word: Expired, Client: client},
		"version 2, no such word":     {Version: 2, Word: 9},
		"version 2, port without has": {Version: 2, Client: Endpoint{Addr: client.Addr, Port: 1}},
		"version 2, negative age":     {Version: 2, Client: client, Age: -1},
		"version 2, 41 bytes free":    {Version: 2, Word: NoOption, Free: 41},
		"version 2, zone":             {Version: 2, Client: Endpoint{Addr: netip.MustParseAddr("fe80::1%eth0")}},
	} {
		if b, err := a.MarshalBinary(); !errors.Is(err, ErrAnswer) || b != nil {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, row := range []struct {
		of   fmt.Stringer
		want string
	}{
		{Found, "found"},
		{NoOption, "no_option"},
		{Word(9), "word(9)"},
		{CarrierNone, "-"},
		{CarrierACK, "ack"},
		{Carrier(4), "carrier(4)"},
		{Endpoint{}, "-"},
		{Endpoint{Addr: netip.MustParseAddr("2001:db8::1")}, "2001:db8::1"},
		{Endpoint{Addr: netip.MustParseAddr("2001:db8::1"), HasPort: true}, "[2001:db8::1]:0"},
		{Endpoint{Addr: netip.MustParseAddr("::ffff:1.2.3.4"), Port: 5, HasPort: true}, "[::ffff:1.2.3.4]:5"},
	} {
		if got := row.of.String(); got != row.want {
			t.Errorf("%s, not %s", got, row.want)
		}
	}
}

// What can be read can be written, and is then the same bytes.
func FuzzQuestion(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q Question
		if q.UnmarshalBinary(b) != nil {
			return
		}
		if again, err := q.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%+v\n%x\n%x\n%v", q, b, again, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Answer
		if a.UnmarshalBinary(b) != nil {
			return
		}
		if again, err := a.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%+v\n%x\n%x\n%v", a, b, again, err)
		}
	})
}
