//! What seals the credential `mfad.key`, as far as it lies in one of systemd's usual folders: the first 16 bytes of an
//! encrypted one name its kind.

use std::path::Path;

use data_encoding::BASE64;

use super::text;

/// What a credential is sealed by.
pub(super) enum Seal {
    Tpm,
    Host,
    Nothing,
    /// It is not encrypted.
    Plain,
    Unknown,
}

/// The credential that systemd would take, and its seal; `None` where there is none to be read.
pub(super) fn seal() -> Option<(&'static str, Seal)> {
    let sealed = SEALED.iter().find_map(|path| Some((*path, kind(&text::read(Path::new(path)).ok()?))));
    sealed.or_else(|| PLAIN.iter().find(|path| Path::new(path).exists()).map(|path| (*path, Seal::Plain)))
}

fn kind(text: &str) -> Seal {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).take(DIGITS).collect();
    match BASE64.decode(&digits).ok().and_then(|bytes| bytes.first_chunk().copied().map(u128::from_be_bytes)) {
        Some(BY_HOST | BY_HOST_SCOPED) => Seal::Host,
        Some(BY_NULL) => Seal::Nothing,
        Some(kind) if BY_TPM.contains(&kind) => Seal::Tpm,
        Some(_) | None => Seal::Unknown,
    }
}

const SEALED: [&str; 3] =
    ["/etc/credstore.encrypted/mfad.key", "/run/credstore.encrypted/mfad.key", "/usr/lib/credstore.encrypted/mfad.key"];
const PLAIN: [&str; 3] = ["/etc/credstore/mfad.key", "/run/credstore/mfad.key", "/usr/lib/credstore/mfad.key"];

/// Of base64, what holds the kind.
const DIGITS: usize = 24;

const BY_HOST: u128 = 0x5a1c_6a86_df9d_4096_b1d5_a65e_0862_f19a;
const BY_HOST_SCOPED: u128 = 0x55b9_ed1d_3859_4d43_a831_9d2e_bb33_2ac6;
const BY_NULL: u128 = 0x0584_69da_f6f5_4324_8005_49da_0f8e_a2fb;
/// Alone or with the host's key, with and without a signed policy, for the system and for one user.
const BY_TPM: [u128; 6] = [
    0x0c7c_c07b_1176_4591_9c4b_0bea_08bc_20fe,
    0xfaf7_eb93_41e3_412c_a1a4_36f9_5a29_362f,
    0x93a8_9409_4874_4490_90ca_f2fc_93ca_b553,
    0xef4a_c136_79a9_480e_a7db_6889_7f9f_165d,
    0xaf49_50a8_4913_4eb1_a738_4630_4ff3_0c05,
    0xadbc_4ca3_efb6_4201_ba88_1b6f_2e40_95ea,
];
