// The Go client's adapter for mfad-conformance.
module adapter

go 1.25

require mfad v0.0.0

replace mfad => ../../client/go
