// The path is that of another module, for which this one stands in: a program that requires that one says in its own go.mod
// where this folder lies, and changes nothing else.
//
//	replace github.com/pquerna/otp => ../mfad/client/go/otp
//
// It requires nothing, since the go.mod of a program knows nothing of what a stand-in requires: package mfad is here as
// internal/mfad.
module github.com/pquerna/otp

go 1.25
