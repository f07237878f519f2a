// Package scripted is a server of mfad's protocol for the tests of this module, which answers what a test tells it to.
package scripted

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A Server listens on a socket of its own until its test ends.
type Server struct {
	Path     string
	listener net.Listener
	group    sync.WaitGroup

	mu          sync.Mutex
	requests    []Request
	connections []net.Conn
}

// A Request is what a client asked: the number of its call, and the fields after it.
type Request struct {
	Call byte
	Body []byte
}

// An Answer says what is sent for a request: a reply without its id, or nil for silence.
type Answer func(Request) []byte

// Numbers of calls (PROTOCOL.md, section 5).
const (
	Verify = 3
	Enroll = 4
)

// Replies (PROTOCOL.md, section 6).
var (
	Denied       = []byte{0, 0}
	TryLater     = []byte{0, 1, 5}
	NotPermitted = []byte{0, 3}
	Unavailable  = []byte{0, 4}
	Unsupported  = []byte{0, 6}
	Accepted     = []byte{5, 0, 10, 0, 0}
	Done         = []byte{8}
)

// Handle is the one of each Enrollment.
const Handle = "mfad1:GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// Side is the modules a side of each Enrollment's code.
const Side = 21

// Enrollment is the reply to an Enroll with this URI. Of its code the modules of the main diagonal are dark.
func Enrollment(uri string) []byte {
	body := append([]byte{6}, make([]byte, 16)...)
	body = append(body, text(uri)...)
	modules := make([]byte, (Side*Side+7)/8)
	for place := 0; place < Side*Side; place += Side + 1 {
		modules[place/8] |= 0x80 >> (place % 8)
	}
	body = append(body, Side, byte(len(modules)))
	body = append(body, modules...)
	// It lapses at once.
	body = append(body, 0)
	return append(body, text(Handle)...)
}

func text(value string) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{251}, uint16(len(value))), value...)
}

// Serve starts a server.
func Serve(t testing.TB, answer Answer) *Server {
	t.Helper()
	folder, err := os.MkdirTemp("", "mfad-otp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	s := &Server{Path: filepath.Join(folder, "s")}
	if s.listener, err = net.Listen("unix", s.Path); err != nil {
		t.Fatal(err)
	}
	s.group.Go(func() {
		for {
			connection, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.connections = append(s.connections, connection)
			s.mu.Unlock()
			s.group.Go(func() { s.converse(connection, answer) })
		}
	})
	t.Cleanup(func() {
		s.listener.Close()
		s.mu.Lock()
		for _, connection := range s.connections {
			connection.Close()
		}
		s.mu.Unlock()
		s.group.Wait()
	})
	return s
}

func (s *Server) converse(connection net.Conn, answer Answer) {
	defer connection.Close()
	for {
		header := make([]byte, 5)
		if _, err := io.ReadFull(connection, header); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(header)-1)
		// The ids of a test take one byte.
		if _, err := io.ReadFull(connection, body); err != nil || len(body) < 2 || body[0] > 250 {
			return
		}
		request := Request{body[1], body[2:]}
		s.mu.Lock()
		s.requests = append(s.requests, request)
		s.mu.Unlock()
		reply := answer(request)
		if reply == nil {
			continue
		}
		frame := binary.LittleEndian.AppendUint32(nil, uint32(len(reply)+2))
		frame = append(append(frame, 1, body[0]), reply...)
		if _, err := connection.Write(frame); err != nil {
			return
		}
	}
}

// Requests are those that came.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Connections is how many there have been.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.connections)
}

// Holds says whether a text stands in the request.
func (r Request) Holds(text string) bool { return strings.Contains(string(r.Body), text) }
