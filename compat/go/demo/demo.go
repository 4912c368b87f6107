// Demo asks for one client as the vendor's demo.go does.
//
//	go run ./demo [-server 127.0.0.1:9999] FAKE-IP FAKE-PORT
//
// Exit status: 0 found; 1 not found; 2 usage; 4 no answer.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"

	"toa"
)

// queryToa has the name, the arguments and the results of the vendor's.
func queryToa(serverAddr string, fakeIp string, fakePort uint16) (int32, string, uint16) {
	return toa.QueryToa(serverAddr, fakeIp, fakePort)
}

func main() {
	server := flag.String("server", toa.DefaultServer, "`address` of the service")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: demo [-server ADDRESS] FAKE-IP FAKE-PORT")
		flag.PrintDefaults()
	}
	flag.Parse()
	port, err := strconv.ParseUint(flag.Arg(1), 10, 16)
	if flag.NArg() != 2 || err != nil {
		flag.Usage()
		os.Exit(2)
	}
	code, ip, realPort := queryToa(*server, flag.Arg(0), uint16(port))
	switch code {
	case toa.QueryOK:
		fmt.Println(net.JoinHostPort(ip, strconv.Itoa(int(realPort))))
	case toa.QueryNotFound:
		fmt.Fprintln(os.Stderr, "not found")
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "no answer from", *server)
		os.Exit(4)
	}
}
