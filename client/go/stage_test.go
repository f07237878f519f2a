package mfad_test

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfad"
)

// A play is what a server that does not behave does with one connection: the first has number 0. The connection is closed
// after it.
type play func(connection *net.UnixConn, number int)

// A stage is where such a server plays, under the caller's own uid.
type stage struct {
	path string
	// How many connections there were.
	connections atomic.Int32
}

func perform(t *testing.T, play play) *stage {
	t.Helper()
	folder, err := os.MkdirTemp("", "mfad-go-")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	s := &stage{path: filepath.Join(folder, "s")}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	check(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			connection, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			number := int(s.connections.Add(1)) - 1
			group.Go(func() {
				defer connection.Close()
				play(connection, number)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return s
}

// dial connects with the patience of a test.
func (s *stage) dial(t *testing.T, options mfad.Options) *mfad.Client {
	t.Helper()
	if options.Patience == 0 {
		options.Patience = 100 * time.Millisecond
	}
	client, err := mfad.Dial(t.Context(), s.path, options)
	check(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// receive reads one frame, and returns what follows its version: the id, which has one byte here, and the call.
func receive(connection net.Conn) []byte {
	var length [4]byte
	if _, err := io.ReadFull(connection, length[:]); err != nil {
		return nil
	}
	body := make([]byte, binary.LittleEndian.Uint32(length[:]))
	if _, err := io.ReadFull(connection, body); err != nil {
		return nil
	}
	return body[1:]
}

// framed is a frame of version 1 around this body.
func framed(body ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body)+1)), append([]byte{1}, body...)...)
}

// The bytes of replies, after the id.
var (
	farewell = framed(0, 1)
	accepted = []byte{5, 0, 10, 0, 0}
	done     = []byte{8}
	pong     = []byte{2, 1, 'x', 1, 0}
)

func answer(id byte, reply []byte) []byte { return framed(append([]byte{id}, reply...)...) }

// hold keeps the connection until the client ends it, and counts the whole frames that come.
func hold(connection net.Conn) (frames int) {
	for receive(connection) != nil {
		frames++
	}
	return frames
}

var code = []byte("123456")
