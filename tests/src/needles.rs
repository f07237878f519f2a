//! The search for secrets where none may be: in files, logs and core images.

use std::collections::{BTreeSet, HashMap};

use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD, HEXLOWER, HEXUPPER};

/// Secrets, in every form that would give them away.
#[derive(Default)]
pub struct Needles(HashMap<[u8; HEAD], Vec<(String, Vec<u8>)>>);

impl Needles {
    /// Searches for this secret from now on, and calls it so.
    ///
    /// # Panics
    /// When it is so short that it would be found by chance.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        for (form, needle) in forms(secret) {
            let head = *needle.first_chunk().expect("a secret that is long enough");
            self.0.entry(head).or_default().push((format!("{name}, {form}"), needle));
        }
    }

    /// What is in these bytes, each by name, form and place.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut begins = vec![false; 1 << 16];
        self.0.keys().for_each(|head| begins[usize::from(u16::from_le_bytes([head[0], head[1]]))] = true);
        let mut found = BTreeSet::new();
        // Most of a core image was never used.
        for page in (0..bytes.len()).step_by(PAGE).filter(|page| !bytes[*page..].starts_with(&[0; PAGE])) {
            let end = bytes.len().min(page + PAGE + HEAD - 1);
            for (place, head) in (page..).zip(bytes[page..end].windows(HEAD)) {
                if begins[usize::from(u16::from_le_bytes([head[0], head[1]]))] {
                    let candidates = self.0.get(head).into_iter().flatten();
                    let here = candidates.filter(|(_, needle)| bytes[place..].starts_with(needle));
                    found.extend(here.map(|(name, _)| format!("{name}, at {place:#x}")));
                }
            }
        }
        found
    }
}

/// How a secret stands where somebody wrote it down, and where a cipher or a hash worked with it.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let padded = |pad: u8| secret.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    // The block that SHA-1 and SHA-2 compute with is made of whole words.
    let words =
        |bytes: &[u8], size: usize| bytes.chunks_exact(size).flat_map(|word| word.iter().rev().copied()).collect();
    let mut forms = vec![
        ("raw", secret.to_vec()),
        ("base32", BASE32_NOPAD.encode(secret).into_bytes()),
        ("base32 in lower case", BASE32_NOPAD.encode(secret).to_lowercase().into_bytes()),
        ("hex", HEXLOWER.encode(secret).into_bytes()),
        ("hex in upper case", HEXUPPER.encode(secret).into_bytes()),
        ("base64", BASE64.encode(secret).into_bytes()),
        ("base64 without padding", BASE64_NOPAD.encode(secret).into_bytes()),
    ];
    if secret.len() >= KEY {
        forms.extend([
            ("words of SHA-1 or SHA-256", words(secret, 4)),
            ("inner block of HMAC", padded(0x36)),
            ("outer block of HMAC", padded(0x5c)),
            ("inner words of HMAC-SHA-1 or SHA-256", words(&padded(0x36), 4)),
            ("outer words of HMAC-SHA-1 or SHA-256", words(&padded(0x5c), 4)),
            ("inner words of HMAC-SHA-512", words(&padded(0x36), 8)),
            ("outer words of HMAC-SHA-512", words(&padded(0x5c), 8)),
        ]);
    }
    if secret.len() == 32 {
        // A register holds half of it.
        forms.extend([("first half", secret[..16].to_vec()), ("second half", secret[16..].to_vec())]);
    }
    forms
}

/// Bytes that are looked at at once.
const PAGE: usize = 4096;
/// Bytes that are compared first.
const HEAD: usize = 8;
/// Bytes of the shortest key; anything shorter is a password.
const KEY: usize = 20;
