package otp

import (
	"fmt"
	"image"
	"image/color"
)

// Readers want so many light modules around the code.
const quietZone = 4

// Image is the QR code for an app to scan, black on white, as large as fits in the middle of an image of this size. It holds
// the key and not the handle. mfad draws it once, when the enrolment begins, and this package cannot: so only a key that
// Generate has made has an image.
//
// Errors: [ErrNoImage], and that the image is too small.
func (k *Key) Image(width int, height int) (image.Image, error) {
	if k.qr.Size() == 0 {
		return nil, ErrNoImage
	}
	whole := k.qr.Size() + 2*quietZone
	scale := min(width, height) / whole
	if scale < 1 {
		return nil, fmt.Errorf("otp: a QR code of this key does not fit into an image smaller than %dx%d", whole, whole)
	}
	// Memory ends, and with it the program.
	if width > largestSide || height > largestSide {
		return nil, fmt.Errorf("otp: an image has at most %d pixels a side", largestSide)
	}
	picture := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White, color.Black})
	size := k.qr.Size() * scale
	left, top := (width-size)/2, (height-size)/2
	for y := range size {
		for x := range size {
			if k.qr.Dark(y/scale, x/scale) {
				picture.SetColorIndex(left+x, top+y, 1)
			}
		}
	}
	return picture, nil
}

const largestSide = 1 << 13
