package main

import (
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// The key of RFC 6238, appendix B, in base32: 20, 32 and 64 bytes.
const (
	key20 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	key32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA"
	key64 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA"
)

var urls = []string{
	"otpauth://totp/Netmaker:alice?algorithm=SHA1&digits=6&issuer=Netmaker&period=30&secret=" + key20,
	"otpauth://totp/Netmaker:alice?secret=" + key20 + "&issuer=Netmaker",
	"otpauth://totp/alice?secret=" + key20,
	"otpauth://totp/alice@example.com?secret=" + key20 + "&issuer=Example",
	"otpauth://totp/The%20Club:alice%20b?secret=" + key20 + "&issuer=The%20Club",
	"otpauth://totp/The+Club:alice?secret=" + key20 + "&issuer=The+Club",
	"otpauth://totp/Label:alice?issuer=Parameter&secret=" + key20,
	"otpauth://totp/Netmaker:%20alice?secret=" + key20,
	"otpauth://totp/A:B:C?secret=" + key20,
	"otpauth://totp/A%3AB?secret=" + key20,
	"otpauth://totp/:alice?secret=" + key20,
	"otpauth://totp/alice:?secret=" + key20,
	"otpauth://totp/?secret=" + key20,
	"otpauth://totp?secret=" + key20,
	"otpauth://totp/a/b:c/d?secret=" + key20,
	"otpauth://hotp/Netmaker:alice?counter=1&secret=" + key20,
	"otpauth://TOTP/Netmaker:alice?secret=" + key20,
	"OTPAUTH://totp/Netmaker:alice?secret=" + key20,
	"otpauth://other/Netmaker:alice?secret=" + key20,
	"https://example.com/Netmaker:alice?secret=" + key20,
	"  otpauth://totp/Netmaker:alice?secret=" + key20 + " \n",
	"otpauth://totp/Netmaker:alice",
	"otpauth://totp/Netmaker:alice?secret=",
	"otpauth://totp/Netmaker:alice?secret=" + "gezdgnbvgy3tqojq",
	"otpauth://totp/Netmaker:alice?secret=%20GEZD%20&secret=OTHER",
	"otpauth://totp/Netmaker:alice?secret=not-base32!",
	"otpauth://totp/Netmaker:alice?secret=GEZD+GNBV",
	"otpauth://totp/a:b?period=60&digits=8&algorithm=SHA256&secret=" + key32,
	"otpauth://totp/a:b?algorithm=SHA512&secret=" + key64,
	"otpauth://totp/a:b?algorithm=MD5&secret=" + key20,
	"otpauth://totp/a:b?algorithm=md5&secret=" + key20,
	"otpauth://totp/a:b?algorithm=sha256&secret=" + key20,
	"otpauth://totp/a:b?algorithm=Sha512&secret=" + key20,
	"otpauth://totp/a:b?algorithm=SHA3&secret=" + key20,
	"otpauth://totp/a:b?algorithm=&secret=" + key20,
	"otpauth://totp/a:b?period=0&secret=" + key20,
	"otpauth://totp/a:b?period=-1&secret=" + key20,
	"otpauth://totp/a:b?period=x&secret=" + key20,
	"otpauth://totp/a:b?period=18446744073709551615&secret=" + key20,
	"otpauth://totp/a:b?period=18446744073709551616&secret=" + key20,
	"otpauth://totp/a:b?digits=0&secret=" + key20,
	"otpauth://totp/a:b?digits=5&secret=" + key20,
	"otpauth://totp/a:b?digits=7&secret=" + key20,
	"otpauth://totp/a:b?digits=8&secret=" + key20,
	"otpauth://totp/a:b?digits=100&secret=" + key20,
	"otpauth://totp/a:b?digits=-6&secret=" + key20,
	"otpauth://totp/a:b?digits=six&secret=" + key20,
	"otpauth://totp/a:b?digits=99999999999999999999&secret=" + key20,
	"otpauth://totp/a:b?digits=4294967302&secret=" + key20,
	"otpauth://totp/a:b?encoder=steam&secret=" + key20,
	"otpauth://totp/a:b?encoder=Steam&secret=" + key20,
	"otpauth://totp/a:b?encoder=other&secret=" + key20,
	"otpauth://totp/a:b?issuer=&secret=" + key20,
	"otpauth://totp/a:b?issuer=%E2%82%AC&secret=" + key20,
	"otpauth://totp/a:b?issuer=x&issuer=y&secret=" + key20,
	"otpauth://totp/a:b?a=b&secret=" + key20 + "#fragment",
	"otpauth://totp/a:b?issuer=%zz&secret=" + key20,
	"otpauth://totp/%zz?secret=" + key20,
	"otpauth://user:word@totp/a:b?secret=" + key20,
	"otpauth://totp:80/a:b?secret=" + key20,
	"otpauth:totp/a:b?secret=" + key20,
	"otpauth://totp/a:b?secret=A;B",
	"otpauth://totp/a:b&secret=" + key20,
	"",
	" ",
	":",
	"no url",
	"\x00",
	"otpauth://totp/\xff?secret=" + key20,
	"%",
}

var names = []struct{ issuer, account string }{
	{"Netmaker", "alice"},
	{"Netmaker", "alice@example.com"},
	{"Netmaker", "alice b+c&d=e?f#g%h;i,j"},
	{"The Club", "älice"},
	{"A&B=C+D%E?F#G/H;I", "alice"},
	{"\"Quoted\" <€>", "a.b-c_d~e!$'()*"},
	{"Issuer@", "back\\slash"},
	{"", "alice"},
	{"Netmaker", ""},
	{"", ""},
}

type code struct {
	secret  string
	unix    int64
	options totp.ValidateOpts
}

var codes = func() []code {
	var all []code
	for _, unix := range []int64{59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000} {
		all = append(all,
			code{key20, unix, totp.ValidateOpts{Digits: otp.DigitsEight}},
			code{key32, unix, totp.ValidateOpts{Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA256}},
			code{key64, unix, totp.ValidateOpts{Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA512}},
			code{key20, unix, totp.ValidateOpts{Algorithm: otp.AlgorithmMD5}},
			code{key20, unix, totp.ValidateOpts{}},
			code{key20, unix, totp.ValidateOpts{Period: 60, Digits: 7, Skew: 3}},
			code{key20, unix, totp.ValidateOpts{Digits: 5, Encoder: otp.EncoderSteam}},
		)
	}
	for _, digits := range []otp.Digits{-1, 1, 2, 3, 4, 9, 10, 11, 12, 20} {
		all = append(all, code{key20, 59, totp.ValidateOpts{Digits: digits}})
	}
	for _, unix := range []int64{0, -1, -29, -30, -31, -1000000, 1 << 40} {
		all = append(all, code{key20, unix, totp.ValidateOpts{}})
	}
	// Of MD5 some steps have no code.
	for step := range int64(20) {
		all = append(all, code{key20, 30 * step, totp.ValidateOpts{Algorithm: otp.AlgorithmMD5}})
	}
	return append(all,
		code{key20, 59, totp.ValidateOpts{Period: 1}},
		code{key20, 59, totp.ValidateOpts{Period: 1 << 40}},
		code{key20, 59, totp.ValidateOpts{Algorithm: 4}},
		code{key20, 59, totp.ValidateOpts{Algorithm: -1}},
		code{key20, 59, totp.ValidateOpts{Encoder: otp.EncoderSteam}},
		code{key20, 59, totp.ValidateOpts{Digits: 8, Encoder: otp.EncoderSteam}},
		code{key20, 59, totp.ValidateOpts{Encoder: "other"}},
	)
}()

// What may be kept as a secret.
var secrets = []string{
	key20,
	"gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
	" " + key20 + "\t\r\n",
	"GEZDGNBVGY3TQOJQ GEZDGNBVGY3TQOJQ",
	"GEZDGNBVGY3TQOJQ\nGEZDGNBVGY3TQOJQ",
	"GEZDGNBVGY3TQOJQ\r\nGEZDGNBVGY3TQOJQ\r\n",
	"GEZDGNBVGY3TQOJQ-GEZDGNBVGY3TQOJQ",
	"GEZDGNBVGY3TQOJQGEZA====",
	"GEZDGNBVGY3TQOJQGEZA",
	"GEZDGNBVGY3TQOJQGEZA===",
	"GEZDGNBVGY3TQOJQGEZA==",
	"GEZDGNBVGY3TQOJQGEZA=====",
	"GEZDGNBVGY3TQOJQGEZDG",
	"GEZDGNBVGY3TQOJQGEZDGN",
	"GEZDGNBVGY3TQOJQGEZDGNB",
	"G", "GE", "GEZ", "GEZD", "GEZDG", "GEZDGN", "GEZDGNB", "GEZDGNBV",
	"GF", "A", "A=======", "AA======",
	"0189", "GEZDGNB1", "GEZDGNBÄ", "GEZDGNBſ", "geżd",
	"========", "=", "", "  ", "\n",
}

type check struct {
	code, secret string
	unix         int64
	options      totp.ValidateOpts
}

// The codes of key20 at 59 with 6 digits: 287082, and those of the steps around it: 755224, 359152.
var checks = func() []check {
	one := totp.ValidateOpts{Period: 30, Skew: 1, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	var all []check
	for _, code := range []string{"287082", "755224", "359152", "969429", "000000", " 287082 ", "287 082", "28708", "2870820",
		"", "28708x", "２８７０８２", "+87082", "\x00\x00\x00\x00\x00\x00", "287082\n"} {
		all = append(all, check{code, key20, 59, one}, check{code, key20, 59, totp.ValidateOpts{}})
	}
	for _, secret := range secrets {
		all = append(all, check{"287082", secret, 59, one}, check{"28708", secret, 59, one})
	}
	return append(all,
		check{"94287082", key20, 59, totp.ValidateOpts{Digits: otp.DigitsEight}},
		check{"287082", key20, 59, totp.ValidateOpts{Digits: otp.DigitsEight}},
		check{"46119246", key32, 59, totp.ValidateOpts{Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA256}},
		check{"90693936", key64, 59, totp.ValidateOpts{Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA512}},
		check{"287082", key20, 119, totp.ValidateOpts{Period: 60}},
		check{"287082", key20, 119, totp.ValidateOpts{Skew: 2}},
		check{"287082", key20, 149, totp.ValidateOpts{Skew: 2}},
		check{"755224", key20, 0, totp.ValidateOpts{}},
		check{"287082", key20, 0, one},
		check{"755224", key20, -1, totp.ValidateOpts{}},
		check{"755224", key20, -1, one},
		check{"755224", key20, -31, one},
		check{"755224", key20, 0, totp.ValidateOpts{Skew: 5}},
		check{"287082", key20, 59, totp.ValidateOpts{Algorithm: 4}},
		check{"28708", key20, 59, totp.ValidateOpts{Digits: 5}},
		check{"", key20, 59, totp.ValidateOpts{Digits: -1}},
		check{"PV9M4", key20, 59, totp.ValidateOpts{Digits: 5, Encoder: otp.EncoderSteam}},
		check{"pv9m4", key20, 59, totp.ValidateOpts{Digits: 5, Encoder: otp.EncoderSteam}},
		check{"", key20, 59, totp.ValidateOpts{Encoder: otp.EncoderSteam}},
		check{"", key20, 59, totp.ValidateOpts{Encoder: "other"}},
		check{"287082", key20, 59, totp.ValidateOpts{Encoder: otp.EncoderSteam}},
		check{"287082", key20, 59, totp.ValidateOpts{Encoder: "other"}},
	)
}()

var formats = []struct {
	digits otp.Digits
	number int32
}{
	{6, 0}, {6, 1}, {6, 123456}, {6, 1234567}, {8, 42}, {6, -1}, {0, 7}, {-6, 7}, {12, 2147483647}, {6, -2147483648},
}
