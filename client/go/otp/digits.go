package otp

import "fmt"

// Digits is how many digits a code has.
type Digits int

const (
	DigitsSix   Digits = 6
	DigitsEight Digits = 8
)

// Format fills a number up with zeros.
func (d Digits) Format(in int32) string { return fmt.Sprintf("%0*d", int(d), in) }

// Length is the number.
func (d Digits) Length() int { return int(d) }

// String is the number as text.
func (d Digits) String() string { return fmt.Sprintf("%d", int(d)) }

// Encoder is how a number becomes a code.
type Encoder string

const (
	// EncoderDefault makes digits.
	EncoderDefault Encoder = ""
	// EncoderSteam makes letters and digits as the codes of Steam have them.
	EncoderSteam Encoder = "steam"
)
