// The path has no dot in its first part. Go looks up no such path on the network, at no proxy and in no DNS, and nobody
// else can publish a module under it: whoever uses this one says where its folder lies.
//
//	require mfad v0.0.0
//	replace mfad => ../mfad/client/go
module mfad

go 1.25
