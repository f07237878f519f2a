// Package mfad is a client of the second-factor verifier mfad, for services that log people in.
//
// A [Client] shares one connection among any number of goroutines. It checks who serves before it sends anything,
// bounds every call by a deadline, connects anew when the server was restarted, and never sends a code again whose fate
// it does not know.
//
// A login goes like this. The service has checked the password; then [Client.Begin] says what else is needed, and
// [Client.Verify] judges the code:
//
//	need, err := client.Begin(ctx, account, origin)
//	accepted, err := client.Verify(ctx, account, code, origin)
//
// An error is never a yes. A refusal of the server is a [*Refusal]; ask for one by errors.Is with [ErrDenied] and its
// neighbours. Every other error says that there is no answer: see [ErrUnknownFate].
//
// What the server understands, and every flow, stands in proto/PROTOCOL.md; the comments here name its sections.
// The package runs on Linux alone, and uses nothing but the standard library.
package mfad
