//! Damage to something genuine, as a script of bytes says: a fuzzer that changes the script changes the damage.

/// The genuine bytes after the script's edits: each has five bytes, a kind, a place and an operand.
#[must_use]
pub fn edited(genuine: &[u8], script: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    let (edits, _) = script.as_chunks::<5>();
    for [kind, low, middle, high, operand] in edits.iter().take(MOST) {
        let place = u32::from_le_bytes([*low, *middle, *high, 0]) as usize % (bytes.len() + 1);
        let end = bytes.len().min(place + usize::from(*operand));
        match kind % 6 {
            0 => bytes.get_mut(place).into_iter().for_each(|byte| *byte ^= operand),
            1 => bytes.insert(place, *operand),
            2 => drop(bytes.drain(place..end)),
            3 => bytes.truncate(place),
            4 => bytes.extend_from_within(place..end),
            _ => bytes[place..end].reverse(),
        }
    }
    bytes
}

/// Scripts with one edit of each kind.
#[must_use]
pub fn scripts() -> Vec<Vec<u8>> {
    (0..6).map(|kind| vec![kind, 40, 0, 0, 3]).collect()
}

/// Edits of one script.
const MOST: usize = 8;
