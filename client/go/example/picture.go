package main

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"

	"mfad"
)

const (
	// Pixels of a side, as Netmaker's pictures have, and of a module, where that takes more.
	side, module = 200, 3
	// Light modules around the code.
	quiet = 4
)

// picture draws a QR code as the URI of a PNG.
func picture(code mfad.QR) (string, error) {
	modules := code.Size() + 2*quiet
	scale := max(module, side/modules)
	size := max(side, scale*modules)
	border := (size - scale*code.Size()) / 2
	drawn := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y := range size {
		for x := range size {
			// In front of the first module a division would round to it.
			if y >= border && x >= border && code.Dark((y-border)/scale, (x-border)/scale) {
				drawn.SetColorIndex(x, y, 1)
			}
		}
	}
	defer clear(drawn.Pix)
	var file bytes.Buffer
	if err := png.Encode(&file, drawn); err != nil {
		return "", err
	}
	defer clear(file.Bytes())
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes()), nil
}
