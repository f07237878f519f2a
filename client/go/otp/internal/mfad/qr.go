package mfad

import "fmt"

// QR is a QR code as a square of modules (PROTOCOL.md, section 4: QrMatrix). Draw four light modules around it on each
// side. It holds the key of the enrolment.
type QR struct {
	size byte
	bits Secret
}

// Size is how many modules a side has: 1 to 177, and 0 of the zero value.
func (q QR) Size() int { return int(q.size) }

// Dark says whether the module is dark. Both are counted from 0; outside of the code all is light.
func (q QR) Dark(row, column int) bool {
	size := q.Size()
	if row < 0 || column < 0 || row >= size || column >= size {
		return false
	}
	place := row*size + column
	return q.bits[place/8]&(0x80>>(place%8)) != 0
}

const maxSize = 177

func (q *QR) fields(c *coder) {
	c.u8(&q.size)
	modules := q.Size() * q.Size()
	count := (modules + 7) / 8
	c.secret(&q.bits, bounds{"a QR code has as many bits as modules", count, count})
	if q.size < 1 || q.size > maxSize {
		c.fail("a QR code has 1 to 177 modules a side")
	}
	// The unused bits are the low ones of the last byte.
	if c.err == nil && q.bits[count-1]&(0xff>>((modules-1)%8+1)) != 0 {
		c.fail("an unused bit of a QR code is set")
	}
}

// Format shows nothing of the picture, which is the key.
func (q QR) Format(state fmt.State, _ rune) { fmt.Fprint(state, "[QR code]") }

// MarshalText shows nothing of the picture, which is the key.
func (q QR) MarshalText() ([]byte, error) { return []byte("[QR code]"), nil }
