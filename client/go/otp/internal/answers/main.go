// Answers prints what package otp answers to a fixed list of questions, as lines of JSON. It is built against this module
// and against the one that this module stands in for, by the same import paths, so that both can be compared.
//
// The file recorded.json holds the answers of v1.5.0 of that other module, and a test holds those of this one against them.
// The program compare beside this one asks that other module again, where it can be fetched:
//
//	client/go/otp/internal/answers/compare
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

func main() {
	if err := write(os.Stdout, ask(generateOf)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write puts each answer into a line of its own.
func write(to io.Writer, answers []answer) error {
	lines := json.NewEncoder(to)
	lines.SetEscapeHTML(false)
	for _, each := range answers {
		if err := lines.Encode(each); err != nil {
			return err
		}
	}
	return nil
}

// An answer is what came of one question, in words. The questions stand in the file as well, for its readers.
type answer struct {
	Question string
	Answer   any
}

// A generate makes a key of this secret, and says its URL.
type generate func(issuer, account string, secret []byte) (string, error)

func ask(generate generate) []answer {
	var answers []answer
	put := func(question string, reply func() any) {
		answers = append(answers, answer{question, calm(reply)})
	}
	for _, url := range urls {
		put(fmt.Sprintf("NewKeyFromURL(%q)", url), func() any { return describe(url) })
	}
	for _, each := range names {
		put(fmt.Sprintf("Generate(%q, %q)", each.issuer, each.account), func() any {
			return pair(generate(each.issuer, each.account, []byte("12345678901234567890")))
		})
	}
	for _, each := range codes {
		put(fmt.Sprintf("GenerateCodeCustom(%q, %d, %s)", each.secret, each.unix, words(each.options)), func() any {
			return pair(totp.GenerateCodeCustom(each.secret, time.Unix(each.unix, 0), each.options))
		})
	}
	for _, secret := range secrets {
		put(fmt.Sprintf("GenerateCode(%q, 59)", secret), func() any {
			return pair(totp.GenerateCode(secret, time.Unix(59, 0)))
		})
	}
	for _, each := range checks {
		put(fmt.Sprintf("ValidateCustom(%q, %q, %d, %s)", each.code, each.secret, each.unix, words(each.options)), func() any {
			return pair(totp.ValidateCustom(each.code, each.secret, time.Unix(each.unix, 0), each.options))
		})
	}
	putNames(put)
	return answers
}

func putNames(put func(question string, reply func() any)) {
	for number := range 6 {
		algorithm := otp.Algorithm(number)
		put(fmt.Sprintf("Algorithm(%d).String()", number), func() any { return algorithm.String() })
		put(fmt.Sprintf("Algorithm(%d).Hash()", number), func() any {
			hash := algorithm.Hash()
			if hash == nil {
				return nil
			}
			hash.Write([]byte("abc"))
			return fmt.Sprintf("%x", hash.Sum(nil))
		})
	}
	for _, each := range formats {
		put(fmt.Sprintf("Digits(%d).Format(%d)", each.digits, each.number), func() any { return each.digits.Format(each.number) })
	}
	for _, digits := range []otp.Digits{-1, 0, 1, otp.DigitsSix, otp.DigitsEight, 12} {
		put(fmt.Sprintf("Digits(%d)", digits), func() any { return []any{digits.Length(), digits.String()} })
	}
	for _, err := range []error{otp.ErrValidateSecretInvalidBase32, otp.ErrValidateInputInvalidLength,
		otp.ErrGenerateMissingIssuer, otp.ErrGenerateMissingAccountName} {
		put(fmt.Sprintf("the error %q", err), func() any { return kind(err) })
	}
}

// words are the options without names, which not every number has.
func words(o totp.ValidateOpts) string {
	return fmt.Sprintf("{%d %d %d %d %q}", o.Period, o.Skew, o.Digits, int(o.Algorithm), o.Encoder)
}

// calm answers "panic" where the question cannot be borne.
func calm(reply func() any) (said any) {
	defer func() {
		if recover() != nil {
			said = "panic"
		}
	}()
	return reply()
}

func pair(value any, err error) any {
	if err != nil {
		return []any{value, err.Error(), kind(err)}
	}
	return []any{value}
}

// kind is the error value that callers compare with.
func kind(err error) string {
	switch err {
	case otp.ErrValidateSecretInvalidBase32:
		return "ErrValidateSecretInvalidBase32"
	case otp.ErrValidateInputInvalidLength:
		return "ErrValidateInputInvalidLength"
	case otp.ErrGenerateMissingIssuer:
		return "ErrGenerateMissingIssuer"
	case otp.ErrGenerateMissingAccountName:
		return "ErrGenerateMissingAccountName"
	default:
		return "another"
	}
}

func describe(url string) any {
	key, err := otp.NewKeyFromURL(url)
	if err != nil {
		return []any{key == nil, err.Error()}
	}
	return map[string]any{
		"Type": key.Type(), "Issuer": key.Issuer(), "AccountName": key.AccountName(), "Secret": key.Secret(),
		"Period": key.Period(), "Digits": key.Digits(), "Algorithm": key.Algorithm(), "Encoder": key.Encoder(),
		"URL": key.URL(), "String": key.String(),
	}
}

// generateOf needs nobody who keeps the secret.
func generateOf(issuer, account string, secret []byte) (string, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account, Secret: secret})
	if err != nil {
		return "", err
	}
	return key.URL(), nil
}
