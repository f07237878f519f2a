package main

import (
	"hash"
	"image"
	"io"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// What programs may use of either module, with its types: it does not compile where something is missing.

var (
	_ func(string) (*otp.Key, error)                                   = otp.NewKeyFromURL
	_ func(totp.GenerateOpts) (*otp.Key, error)                        = totp.Generate
	_ func(string, time.Time) (string, error)                          = totp.GenerateCode
	_ func(string, time.Time, totp.ValidateOpts) (string, error)       = totp.GenerateCodeCustom
	_ func(string, string) bool                                        = totp.Validate
	_ func(string, string, time.Time, totp.ValidateOpts) (bool, error) = totp.ValidateCustom

	_ = [...]otp.Algorithm{otp.AlgorithmSHA1, otp.AlgorithmSHA256, otp.AlgorithmSHA512, otp.AlgorithmMD5}
	_ = [...]otp.Digits{otp.DigitsSix, otp.DigitsEight}
	_ = [...]otp.Encoder{otp.EncoderDefault, otp.EncoderSteam}
	// Both have these fields in this order.
	_ = totp.GenerateOpts(struct {
		Issuer, AccountName string
		Period, SecretSize  uint
		Secret              []byte
		Digits              otp.Digits
		Algorithm           otp.Algorithm
		Rand                io.Reader
	}{})
	_ = totp.ValidateOpts(struct {
		Period, Skew uint
		Digits       otp.Digits
		Algorithm    otp.Algorithm
		Encoder      otp.Encoder
	}{})
)

var _ interface {
	AccountName() string
	Algorithm() otp.Algorithm
	Digits() otp.Digits
	Encoder() otp.Encoder
	Image(width int, height int) (image.Image, error)
	Issuer() string
	Period() uint64
	Secret() string
	String() string
	Type() string
	URL() string
} = (*otp.Key)(nil)

var _ interface {
	Hash() hash.Hash
	String() string
} = otp.Algorithm(0)

var _ interface {
	Format(number int32) string
	Length() int
	String() string
} = otp.Digits(0)
