// Command adapter lets mfad-conformance judge the Go client: it makes the calls that it reads, and writes what came of
// them, as PROTOCOL.md, section 14, says.
//
//	adapter SOCKET
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"mfad"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: adapter SOCKET")
		os.Exit(2)
	}
	if err := serve(&adapter{socket: os.Args[1]}, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "adapter:", err)
		os.Exit(1)
	}
}

// serve answers until the input ends. An error is the input's, or the output's.
func serve(a *adapter, in io.Reader, out io.Writer) error {
	defer a.close()
	lines, answers := json.NewDecoder(in), json.NewEncoder(out)
	lines.DisallowUnknownFields()
	for {
		line := line{Times: 1}
		if err := lines.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		answer, err := a.answer(line)
		if err != nil {
			return err
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

// A line is what is read. The message is read when its call is known.
type line struct {
	Message json.RawMessage
	Times   uint64
}

// An adapter has one client for all of its life.
type adapter struct {
	socket string
	client *mfad.Client
}

// answer makes the call of a line. An error is the line's.
func (a *adapter) answer(line line) (object, error) {
	call, request, err := parse(line.Message)
	if err != nil {
		return nil, err
	}
	if line.Times == 0 {
		return nil, errors.New("a call that is never made has no outcome")
	}
	if call == nil {
		return object{"lacks": fmt.Sprintf("the Go client has no call %q", request.Call)}, nil
	}
	var reply any
	for range line.Times {
		reply, err = a.ask(call, request)
	}
	var refusal *mfad.Refusal
	switch {
	case errors.As(err, &refusal):
		return object{"message": renderRefusal(refusal)}, nil
	case err != nil:
		return object{"error": err.Error()}, nil
	default:
		return object{"message": render(reply)}, nil
	}
}

func (a *adapter) ask(call call, request *request) (any, error) {
	ctx := context.Background()
	if a.client == nil {
		client, err := mfad.Dial(ctx, a.socket, mfad.Options{})
		if err != nil {
			return nil, err
		}
		a.client = client
	}
	return call(ctx, a.client, request)
}

func (a *adapter) close() {
	if a.client != nil {
		a.client.Close()
	}
}
