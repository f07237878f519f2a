package mfad_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mfad"
	"mfad/internal/livedaemon"
)

// A login service, which has judged the password, asks for the second factor. In earnest it dials the socket of its realm,
// mfad.RealmSocket("club"); here it is that of a server that the example has started.
func Example() {
	server := startExample()
	defer server.Discard()
	ctx := context.Background()

	client, err := mfad.Dial(ctx, server.Socket(), mfad.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	account := mfad.Account{Realm: "club", User: "alice"}
	origin := mfad.Origin{Service: "website", RemoteHost: "192.0.2.7"}
	typed := server.enrolled(client, account)

	need, err := client.Begin(ctx, account, origin)
	if err != nil || need.Kind != mfad.NeedCode {
		fmt.Println("no login:", need.Kind, err)
		return
	}
	for _, code := range typed {
		_, err := client.Verify(ctx, account, code, origin)
		clear(code)
		switch {
		case err == nil:
			fmt.Println("welcome")
		case errors.Is(err, mfad.ErrDenied):
			fmt.Println(mfad.DenialWords)
		default:
			// Nobody gets in on an error.
			fmt.Println("the second factor cannot be checked now:", err)
		}
	}
	// Output:
	// Not accepted. Each code works once: wait for the next one.
	// welcome
}

// A person sets up an app. The service has judged the password, so it vouches for it.
func ExampleClient_Enroll() {
	server := startExample()
	defer server.Discard()
	ctx := context.Background()
	client, err := mfad.Dial(ctx, server.Socket(), mfad.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	account := mfad.Account{Realm: "club", User: "alice"}

	enrollment, err := client.Enroll(ctx, account, mfad.Asserted(), mfad.EnrollOptions{Issuer: "The Club"})
	if err != nil {
		fmt.Println(err)
		return
	}
	show(enrollment.QR)
	first := server.firstCode(enrollment.URI)
	enrollment.Wipe()

	codes, err := client.Confirm(ctx, account, enrollment.ID, first)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("write these", len(codes), "recovery codes down")
	codes.Wipe()
	// Output:
	// write these 10 recovery codes down
}

// In a realm whose passwords the server keeps, both factors are judged at once.
func ExampleClient_Authenticate() {
	server := startExample()
	defer server.Discard()
	ctx := context.Background()
	client, err := mfad.Dial(ctx, server.Socket(), mfad.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	account := mfad.Account{Realm: "kept", User: "alice"}
	origin := mfad.Origin{Service: "website"}
	if err := client.SetPassword(ctx, account, []byte("correct horse")); err != nil {
		fmt.Println(err)
	}

	accepted, err := client.Authenticate(ctx, account, []byte("correct horse"), nil, origin)
	fmt.Println(accepted.Factor, err)

	if _, err := client.SetPolicy(ctx, "kept", mfad.Enforcement{Mode: mfad.EnforceOn}); err != nil {
		fmt.Println(err)
	}
	_, err = client.Authenticate(ctx, account, []byte("correct horse"), nil, origin)
	fmt.Println(errors.Is(err, mfad.ErrEnrollmentRequired))

	_, err = client.Authenticate(ctx, account, []byte("wrong"), nil, origin)
	fmt.Println(errors.Is(err, mfad.ErrDenied))
	// Output:
	// password <nil>
	// true
	// true
}

// After failures the server makes everybody wait.
func ExampleRefusal() {
	server := startExample()
	defer server.Discard()
	ctx := context.Background()
	client, err := mfad.Dial(ctx, server.Socket(), mfad.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	account := mfad.Account{Realm: "club", User: "nobody"}
	for range 3 {
		client.Verify(ctx, account, []byte("123456"), mfad.Origin{})
	}

	_, err = client.Verify(ctx, account, []byte("123456"), mfad.Origin{})
	var refusal *mfad.Refusal
	if errors.As(err, &refusal) && refusal.Kind == mfad.TryLater {
		fmt.Println("wait", refusal.Wait)
	}
	// Output:
	// wait 5s
}

// The code is drawn with four light modules around it.
func ExampleQR_Dark() {
	server := startExample()
	defer server.Discard()
	ctx := context.Background()
	client, err := mfad.Dial(ctx, server.Socket(), mfad.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	account := mfad.Account{Realm: "club", User: "alice"}
	enrollment, err := client.Enroll(ctx, account, mfad.Asserted(), mfad.EnrollOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer enrollment.Wipe()
	qr := enrollment.QR
	for row := range 7 {
		var line strings.Builder
		for column := range 7 {
			if qr.Dark(row, column) {
				line.WriteString("##")
			} else {
				line.WriteString("  ")
			}
		}
		fmt.Println("|" + line.String())
	}
	// Output:
	// |##############
	// |##          ##
	// |##  ######  ##
	// |##  ######  ##
	// |##  ######  ##
	// |##          ##
	// |##############
}

// A context bounds a call, besides the deadline that the client has.
func ExampleClient_Verify() {
	server := startExample()
	defer server.Discard()
	client, err := mfad.Dial(context.Background(), server.Socket(), mfad.Options{Deadline: 3 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = client.Verify(ctx, mfad.Account{Realm: "club", User: "alice"}, []byte("123456"), mfad.Origin{Service: "website"})
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// true
}

// startExample starts a private server, as an example needs it.
func startExample() *daemon {
	d := &daemon{livedaemon.Prepare(livedaemon.Panics{}, configuration)}
	d.Spawn()
	return d
}

// enrolled sets up an app, and returns what a person types: a code that is used, and one that is not.
func (d *daemon) enrolled(client *mfad.Client, account mfad.Account) [][]byte {
	app := d.enroll(client, account)
	return [][]byte{app.Code(d.Unix()), app.Code(d.Unix() + step)}
}

// firstCode is what the app shows that has scanned this.
func (d *daemon) firstCode(uri []byte) []byte { return scan(d, uri).Code(d.Unix()) }

func show(mfad.QR) {}
