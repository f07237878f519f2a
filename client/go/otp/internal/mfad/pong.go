package mfad

// Pong says how the server is (PROTOCOL.md, section 6).
type Pong struct {
	// Version is the server's, such as "0.1.0".
	Version string
	// Ready says whether it answers requests.
	Ready bool
	// Why is one sentence on what is wrong, without account names. It is empty when all is well.
	Why string
}

func (*Pong) number() uint32 { return 2 }

func (p *Pong) fields(c *coder) {
	c.text(&p.Version, anyText)
	c.bool(&p.Ready)
	c.text(&p.Why, anyText)
}
