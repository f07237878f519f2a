//! A QR code as a PNG file.

use std::io;
use std::path::Path;

use mfad_client::qr::{is_light, side};
use mfad_proto::QrMatrix;
use zeroize::Zeroizing;

/// Whether a picture may be written there: where nothing is, or over a plain file. A device, a pipe or a symlink would be
/// replaced, and not written to.
pub(crate) fn judge(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a plain file is there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
            folder.metadata().map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Writes the code as a black-and-white picture that only its owner can read. The file appears whole or not at all, and
/// a symlink at its place is replaced, not followed.
pub(crate) fn write_png(matrix: &QrMatrix, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let side = side(matrix);
    let pixels = u32::try_from(side.saturating_mul(SCALE)).map_err(io::Error::other)?;
    let mut encoder = ::png::Encoder::new(&mut file, pixels, pixels);
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
    writer.finish().map_err(io::Error::other)?;
    file.persist(path)?;
    Ok(())
}

/// Pixels a module.
const SCALE: usize = 8;
