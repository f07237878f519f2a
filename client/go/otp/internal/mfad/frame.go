package mfad

import (
	"encoding/binary"
	"sync"
)

// The frame (PROTOCOL.md, section 2), in bytes.
const (
	maxLength = 4096
	prefix    = 4
	maxFrame  = prefix + maxLength
	version   = 1
)

// A frame is room for one frame in either direction. Whoever has used it wipes it.
type frame struct {
	room   [maxFrame]byte
	length int
}

var frames = sync.Pool{New: func() any { return new(frame) }}

func (f *frame) bytes() []byte { return f.room[:f.length] }

// release wipes the frame and gives it back.
func (f *frame) release() {
	clear(f.room[:])
	f.length = 0
	frames.Put(f)
}

// write puts a whole frame around this body.
func (f *frame) write(body func(*coder)) error {
	c := coder{writing: true, bytes: append(f.room[:prefix], version)}
	body(&c)
	f.length = len(c.bytes)
	binary.LittleEndian.PutUint32(f.room[:], uint32(f.length-prefix))
	return c.err
}

// judge looks at the first bytes of a stream, and says how long the frame is: 0 while that is not known.
func judge(bytes []byte) (int, error) {
	if len(bytes) < prefix {
		return 0, nil
	}
	length := binary.LittleEndian.Uint32(bytes)
	if length < 1 || length > maxLength {
		return 0, broken("a frame of no legal length")
	}
	return prefix + int(length), nil
}

// content takes the body out of a whole frame of the server.
func content(frame []byte) ([]byte, error) {
	body := frame[prefix+1:]
	switch number := frame[prefix]; {
	case number == version:
		return body, nil
	case number == 0 && len(body) == 2:
		return nil, &VersionError{Min: body[0], Max: body[1]}
	default:
		return nil, broken("an answer of another version")
	}
}
