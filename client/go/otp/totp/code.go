package totp

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"github.com/pquerna/otp"
)

const (
	// Nobody types more, and memory ends somewhere.
	mostDigits = 100
	// Eight hours each side.
	mostSkew = 1000
	// The signs of a code of Steam.
	steamSigns = "23456789BCDFGHJKMNPQRTVWXY"
)

// GenerateCode is the code that an app shows at this moment: 6 digits, SHA-1, 30 s. The secret is a key in base32; of a
// handle nobody here knows the code.
//
// Errors: otp.ErrValidateSecretInvalidBase32.
func GenerateCode(secret string, t time.Time) (string, error) {
	return GenerateCodeCustom(secret, t, ValidateOpts{Period: usualPeriod, Skew: 1, Digits: otp.DigitsSix})
}

// GenerateCodeCustom is the code at this moment, by these options. Skew is not looked at.
//
// Errors: otp.ErrValidateSecretInvalidBase32, and otp.ErrOptionUnsupported where there is no such code.
func GenerateCodeCustom(secret string, t time.Time, opts ValidateOpts) (passcode string, err error) {
	if opts.Digits == 0 {
		opts.Digits = otp.DigitsSix
	}
	key, err := newKey(strings.TrimSpace(secret), opts)
	if err != nil {
		return "", err
	}
	defer key.wipe()
	if passcode = key.code(key.step(t)); passcode == "" {
		return "", otp.ErrOptionUnsupported
	}
	return passcode, nil
}

// validateHere judges the code of a key in base32. Every code within the skew is compared, whichever is right.
func validateHere(passcode, secret string, t time.Time, opts ValidateOpts) (bool, error) {
	if opts.Digits < 1 || len(passcode) != opts.Digits.Length() {
		return false, otp.ErrValidateInputInvalidLength
	}
	if opts.Skew > mostSkew {
		return false, otp.ErrOptionUnsupported
	}
	key, err := newKey(secret, opts)
	if err != nil {
		return false, err
	}
	defer key.wipe()
	now, skew, right := key.step(t), int64(opts.Skew), 0
	for distance := -skew; distance <= skew; distance++ {
		right |= subtle.ConstantTimeCompare([]byte(key.code(now+distance)), []byte(passcode))
	}
	return right == 1, nil
}

// A key makes codes.
type key struct {
	bytes   []byte
	options ValidateOpts
}

// newKey reads a key in base32, whose case and padding do not matter.
func newKey(secret string, opts ValidateOpts) (key, error) {
	if opts.Digits < 1 || opts.Digits > mostDigits || opts.Algorithm.Hash() == nil ||
		opts.Encoder != otp.EncoderDefault && opts.Encoder != otp.EncoderSteam {
		return key{}, otp.ErrOptionUnsupported
	}
	if part := len(secret) % 8; part != 0 {
		secret += strings.Repeat("=", 8-part)
	}
	bytes, err := base32.StdEncoding.DecodeString(strings.ToUpper(secret))
	// The codes of an empty key are known to everybody.
	if err != nil || len(bytes) == 0 {
		return key{}, otp.ErrValidateSecretInvalidBase32
	}
	return key{bytes, opts}, nil
}

func (k key) wipe() { clear(k.bytes) }

// step is the number of the period, counted from 1970. Those before are below 0.
func (k key) step(t time.Time) int64 {
	period := uint64(k.options.Period)
	if period == 0 {
		period = usualPeriod
	}
	seconds := t.Unix()
	if seconds >= 0 {
		return int64(uint64(seconds) / period)
	}
	// Rounded down, as above.
	return -1 - int64(uint64(-1-seconds)/period)
}

// code is that of one step (RFC 4226, section 5.3). A sum of MD5 is so short that some steps have none: it is empty then.
func (k key) code(step int64) string {
	mac := hmac.New(k.options.Algorithm.Hash, k.bytes)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	defer clear(sum)
	offset := int(sum[len(sum)-1] & 15)
	if offset+4 > len(sum) {
		return ""
	}
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	if k.options.Encoder == otp.EncoderSteam {
		return steam(number, k.options.Digits)
	}
	if k.options.Digits < 10 {
		modulus := uint32(1)
		for range k.options.Digits {
			modulus *= 10
		}
		number %= modulus
	}
	return k.options.Digits.Format(int32(number))
}

// steam writes a number in the signs of Steam, the lowest first.
func steam(number uint32, digits otp.Digits) string {
	var code strings.Builder
	for range digits {
		code.WriteByte(steamSigns[number%uint32(len(steamSigns))])
		number /= uint32(len(steamSigns))
	}
	return code.String()
}
