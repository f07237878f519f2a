package mfad

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"
)

// A coder reads or writes one body, field by field (PROTOCOL.md, section 3). Every message has one function for both
// directions, so that they cannot come to differ.
//
// MUST: a length is judged before memory is reserved; nothing is read or written after the first fault; what breaks a
// rule of section 4 is neither read nor written.
type coder struct {
	writing bool
	// What is left to be read; or what was written, whose capacity is that of a frame.
	bytes []byte
	err   error
}

func (c *coder) fail(what string) {
	if c.err == nil {
		c.err = &ArgumentError{What: what}
	}
}

// finish judges that nothing is left over.
func (c *coder) finish() error {
	if len(c.bytes) > 0 {
		c.fail("bytes are left over")
	}
	return c.err
}

// take reads so many bytes, which stay part of the frame; nil after a fault.
func (c *coder) take(count int) []byte {
	if c.err == nil && count > len(c.bytes) {
		c.fail("the body ends too early")
	}
	if c.err != nil {
		return nil
	}
	taken := c.bytes[:count]
	c.bytes = c.bytes[count:]
	return taken
}

func (c *coder) put(bytes ...byte) {
	if c.err == nil && len(bytes) > cap(c.bytes)-len(c.bytes) {
		c.fail("the message is longer than a frame")
	}
	if c.err == nil {
		c.bytes = append(c.bytes, bytes...)
	}
}

func (c *coder) u8(value *byte) {
	if c.writing {
		c.put(*value)
	} else if taken := c.take(1); taken != nil {
		*value = taken[0]
	}
}

func (c *coder) u64(value *uint64) {
	if c.writing {
		c.putInteger(*value)
	} else {
		*value = c.integer(8)
	}
}

func (c *coder) u32(value *uint32) {
	if c.writing {
		c.putInteger(uint64(*value))
	} else {
		*value = uint32(c.integer(4))
	}
}

// integer reads an integer of a type of so many bytes.
func (c *coder) integer(width int) uint64 {
	var first byte
	c.u8(&first)
	if first <= 250 {
		return uint64(first)
	}
	// fb, fc and fd announce 2, 4 and 8 bytes.
	size := 2 << (first - 251)
	if first > 253 || size > width {
		c.fail("an integer is too wide")
		return 0
	}
	var little [8]byte
	copy(little[:], c.take(size))
	return binary.LittleEndian.Uint64(little[:])
}

// putInteger writes the shortest form.
func (c *coder) putInteger(value uint64) {
	little := binary.LittleEndian.AppendUint64(make([]byte, 0, 8), value)
	switch {
	case value <= 250:
		c.put(byte(value))
	case value <= math.MaxUint16:
		c.put(251)
		c.put(little[:2]...)
	case value <= math.MaxUint32:
		c.put(252)
		c.put(little[:4]...)
	default:
		c.put(253)
		c.put(little...)
	}
}

// flag codes a bool, and the first byte of an option: it says whether the value is there.
func (c *coder) flag(value bool) bool {
	var number byte
	if value {
		number = 1
	}
	c.u8(&number)
	if number > 1 {
		c.fail("neither false nor true")
	}
	return number == 1 && c.err == nil
}

func (c *coder) bool(value *bool) { *value = c.flag(*value) }

// count codes the length of something, in bytes or in items of one byte at least.
func (c *coder) count(length int) int {
	if c.writing {
		c.putInteger(uint64(length))
		return length
	}
	count := c.integer(8)
	if count > uint64(len(c.bytes)) {
		c.fail("a length is larger than what is left")
		return 0
	}
	return int(count)
}

// secret codes bytes. What is read is a copy, for the frame is wiped.
func (c *coder) secret(value *Secret, bounds bounds) {
	count := c.count(len(*value))
	if count < bounds.min || count > bounds.max {
		c.fail(bounds.what)
	}
	if c.writing {
		c.put(*value...)
	} else if taken := c.take(count); taken != nil {
		*value = append(make(Secret, 0, count), taken...)
	}
}

// bytesOf is secret for the bytes of a caller.
func (c *coder) bytesOf(value *[]byte, bounds bounds) { c.secret((*Secret)(value), bounds) }

// ascii codes a secret text (SecretText).
func (c *coder) ascii(value *Secret) {
	c.secret(value, secretText)
	for _, each := range *value {
		if each >= utf8.RuneSelf {
			c.fail(secretText.what)
		}
	}
}

// text codes a string that obeys a rule.
func (c *coder) text(value *string, rule rule) {
	count := c.count(len(*value))
	if !c.writing {
		*value = string(c.take(count))
	}
	if c.err == nil && !rule.holds(*value) {
		c.fail(rule.what)
	}
	if c.writing && c.err == nil {
		c.put([]byte(*value)...)
	}
}

// time codes Unix seconds. Those above the largest int64 wrap, and come out again as they came in.
func (c *coder) time(value *time.Time) {
	seconds := uint64(value.Unix())
	c.u64(&seconds)
	if !c.writing {
		*value = time.Unix(int64(seconds), 0)
	}
}

// optionalTime codes an option of Unix seconds. The zero time stands for an absent one.
func (c *coder) optionalTime(value *time.Time) {
	if c.flag(!value.IsZero()) {
		c.time(value)
	}
}

// seconds codes a wait.
func (c *coder) seconds(value *time.Duration) {
	number := uint32(*value / time.Second)
	c.u32(&number)
	*value = time.Duration(number) * time.Second
}

// optionalSeconds codes an option of a wait. Zero stands for an absent one: both say that there is none.
func (c *coder) optionalSeconds(value *time.Duration) {
	if c.flag(*value != 0) {
		c.seconds(value)
	}
}

// variant codes the number of a variant, of an enum that has so many.
func variant[T ~uint32](c *coder, value *T, variants T, what string) {
	number := uint32(*value)
	c.u32(&number)
	if number >= uint32(variants) {
		c.fail(what)
		return
	}
	*value = T(number)
}
