//! A QR code as a PNG picture.

use std::io::{self, Write};

use mfad_client::qr::{is_light, side};
use mfad_proto::QrMatrix;
use zeroize::Zeroizing;

/// Writes the code as a black-and-white picture.
pub(crate) fn write_png(matrix: &QrMatrix, file: &mut impl Write) -> io::Result<()> {
    let side = side(matrix);
    let pixels = u32::try_from(side.saturating_mul(SCALE)).map_err(io::Error::other)?;
    let mut encoder = ::png::Encoder::new(file, pixels, pixels);
    encoder.set_color(::png::ColorType::Grayscale);
    encoder.set_depth(::png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    let mut image = Zeroizing::new(Vec::with_capacity(side.saturating_mul(side).saturating_mul(SCALE * SCALE)));
    for row in 0..side {
        for _ in 0..SCALE {
            for column in 0..side {
                let shade = if is_light(matrix, row, column) { u8::MAX } else { 0 };
                image.extend_from_slice(&[shade; SCALE]);
            }
        }
    }
    writer.write_image_data(&image).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)
}

/// Pixels a module.
const SCALE: usize = 8;
