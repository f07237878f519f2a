package mfad

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The golden frames of proto/vectors (PROTOCOL.md, section 13).

type vector struct {
	name    string
	Kind    string
	Frame   string
	Message any
	Answer  any
}

func (v vector) frame(t *testing.T) []byte {
	frame, err := hex.DecodeString(v.Frame)
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	return frame
}

func vectors(t *testing.T, folder string) []vector {
	files, err := filepath.Glob(filepath.Join("../../proto/vectors", folder, "*.json"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d vectors: %v", len(files), err)
	}
	var found []vector
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		each := vector{name: strings.TrimSuffix(filepath.Base(file), ".json")}
		decode(t, text, &each)
		found = append(found, each)
	}
	return found
}

// decode reads JSON, with the whole of its integers.
func decode(t *testing.T, text []byte, into any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// normal is a rendered message as JSON reads it.
func normal(t *testing.T, rendered any) any {
	text, err := json.Marshal(rendered)
	if err != nil {
		t.Fatal(err)
	}
	var read any
	decode(t, text, &read)
	return read
}

func TestGoodFramesAreReadAndWrittenAsTheyStand(t *testing.T) {
	for _, vector := range vectors(t, "good") {
		var (
			rendered object
			written  frame
			err      error
		)
		if vector.Kind == "request" {
			id, request, answer := judgeRequest(vector.frame(t))
			if answer != nil {
				t.Errorf("%s: %v", vector.name, answer)
				continue
			}
			rendered, err = renderRequest(id, request), written.writeRequest(id, request)
		} else {
			id, reply, why := judgeResponse(vector.frame(t))
			if why != nil {
				t.Errorf("%s: %v", vector.name, why)
				continue
			}
			rendered, err = renderReply(id, reply), written.writeResponse(id, reply)
		}
		if got := normal(t, rendered); !reflect.DeepEqual(got, vector.Message) {
			t.Errorf("%s:\n got %v\nwant %v", vector.name, got, vector.Message)
		}
		if got := hex.EncodeToString(written.bytes()); err != nil || got != vector.Frame {
			t.Errorf("%s: %v\n got %s\nwant %s", vector.name, err, got, vector.Frame)
		}
	}
}

func TestBadFramesAreRefusedForTheirFault(t *testing.T) {
	for _, vector := range vectors(t, "bad") {
		var answer any
		if vector.Kind == "request" {
			_, _, answer = judgeRequest(vector.frame(t))
		} else {
			_, _, err := judgeResponse(vector.frame(t))
			answer = object{"reject": err != nil}
		}
		if got := normal(t, answer); !reflect.DeepEqual(got, vector.Answer) {
			t.Errorf("%s: got %v, want %v", vector.name, got, vector.Answer)
		}
	}
}

// The connection takes no reply to a call that this client does not have.
func TestWhatTheClientReadsIsPartOfTheProtocol(t *testing.T) {
	for number := range uint32(30) {
		known, all := newReply(number), anyReply(number)
		if known != nil && (reflect.TypeOf(known) != reflect.TypeOf(all) || known.number() != number) {
			t.Errorf("reply %d is %T, %T", number, known, all)
		}
		if (all != nil) != (number < uint32(len(replies))) {
			t.Errorf("reply %d is %T", number, all)
		}
	}
	for number := range uint64(30) {
		if request := newRequest(number); request != nil && uint64(request.number()) != number {
			t.Errorf("call %d is %T", number, request)
		}
	}
}

// judgeRequest reads a frame as the server does: it returns a request, or what the server answers (section 2).
func judgeRequest(frame []byte) (uint64, request, any) {
	closing := object{"id": 0, "refusal": "malformed", "close": true}
	length, err := judge(frame)
	switch {
	case err != nil:
		return 0, nil, closing
	case length == 0 || length > len(frame):
		return 0, nil, object{"wait": true}
	case frame[prefix] != version:
		return 0, nil, object{"version_refusal": true, "close": true}
	}
	var id, number uint64
	c := coder{bytes: frame[prefix+1 : length]}
	c.u64(&id)
	if c.err != nil || id == 0 {
		return 0, nil, closing
	}
	number = c.integer(4)
	if c.err != nil {
		return 0, nil, object{"id": id, "refusal": "malformed"}
	}
	request := newRequest(number)
	if request == nil {
		return 0, nil, object{"id": id, "refusal": "unsupported"}
	}
	request.fields(&c)
	if c.finish() != nil {
		return 0, nil, object{"id": id, "refusal": "malformed"}
	}
	return id, request, nil
}

// judgeResponse reads a frame as a client of all calls does.
func judgeResponse(frame []byte) (uint64, reply, error) {
	length, err := judge(frame)
	if err != nil {
		return 0, nil, err
	}
	if length == 0 || length > len(frame) {
		return 0, nil, broken("the frame is not whole")
	}
	body, err := content(frame[:length])
	if err != nil {
		return 0, nil, err
	}
	return response(body, anyReply)
}

func (f *frame) writeResponse(id uint64, reply reply) error {
	return f.write(func(c *coder) {
		number := reply.number()
		c.u64(&id)
		c.u32(&number)
		reply.fields(c)
	})
}

// Every golden frame of the server with one byte changed or with its end cut off: what is still read can be written.
func TestNoBytesBreakTheReader(t *testing.T) {
	read := 0
	for _, vector := range vectors(t, "good") {
		whole := vector.frame(t)
		if vector.Kind != "response" || len(whole) > 1000 {
			continue
		}
		for place := prefix + 1; place < len(whole); place++ {
			for _, changed := range []byte{0, 1, 2, 0x7f, 0xfb, 0xfc, 0xfd, 0xfe, 0xff} {
				body := bytes.Clone(whole[prefix+1:])
				body[place-prefix-1] = changed
				for _, body := range [][]byte{body, body[:place-prefix-1]} {
					id, reply, err := response(body, anyReply)
					if err != nil {
						continue
					}
					read++
					if err := new(frame).writeResponse(id, reply); err != nil {
						t.Errorf("%s, byte %d, %x: %v", vector.name, place, changed, err)
					}
				}
			}
		}
	}
	if read < 1000 {
		t.Errorf("only %d were read", read)
	}
}
