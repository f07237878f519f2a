//! A QR code for a terminal, in half blocks.

use mfad_proto::QrMatrix;
use zeroize::Zeroizing;

/// Draws the code with its quiet zone, two rows of modules a line. Light modules are drawn and dark ones left out, as on a
/// dark terminal; with `colors`, black and white are set, so that it can be scanned on a light one as well.
#[must_use]
pub fn terminal(matrix: &QrMatrix, colors: bool) -> Zeroizing<String> {
    let side = side(matrix);
    // Three bytes a glyph, half as many lines as modules, and room for colours: it never grows.
    let mut text = Zeroizing::new(String::with_capacity(side.saturating_mul(side).saturating_mul(3)));
    for line in (0..side).step_by(2) {
        if colors {
            text.push_str(WHITE_ON_BLACK);
        }
        for column in 0..side {
            text.push(match (is_light(matrix, line, column), is_light(matrix, line.saturating_add(1), column)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        if colors {
            text.push_str(RESET);
        }
        text.push('\n');
    }
    text
}

/// Whether the module is light in this row and column, counted from the corner of the quiet zone.
#[must_use]
pub fn is_light(matrix: &QrMatrix, row: usize, column: usize) -> bool {
    let module = |index: usize| index.checked_sub(usize::from(QUIET)).and_then(|index| u8::try_from(index).ok());
    match (module(row), module(column)) {
        (Some(row), Some(column)) => !matrix.is_dark(row, column),
        (_, _) => true,
    }
}

/// Modules a side, quiet zone included.
#[must_use]
pub fn side(matrix: &QrMatrix) -> usize {
    usize::from(matrix.size()).saturating_add(usize::from(QUIET).saturating_mul(2))
}

/// Light modules on each side (ISO/IEC 18004 asks for four).
const QUIET: u8 = 4;

/// White glyphs on black, whatever the terminal's own colours are.
const WHITE_ON_BLACK: &str = "\u{1b}[97;40m";
const RESET: &str = "\u{1b}[0m";
