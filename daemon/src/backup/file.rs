//! The sealed file around a backup: a passphrase in, a stream of sealed chunks out, and back.

use std::io::{self, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{KeyInit, Payload};
use mfad_proto::Password;
use zeroize::{Zeroize, Zeroizing};

use super::Error;

/// Seals what is written to it, chunk by chunk.
pub struct SealedWriter<W: Write> {
    out: W,
    encryptor: Option<EncryptorBE32<XChaCha20Poly1305>>,
    header: Header,
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> SealedWriter<W> {
    /// Begins a file under this passphrase, and pays these costs, which whoever reads it will pay again.
    ///
    /// # Errors
    /// [`Error::Costs`] when no reader would pay them, or [`Error::Io`].
    pub fn new(mut out: W, passphrase: &Password, costs: Costs) -> Result<Self, Error> {
        let mut random = [0; SALT + NONCE];
        getrandom::fill(&mut random).map_err(io::Error::from)?;
        let header = Header::new(costs, &random);
        out.write_all(&header.0)?;
        let encryptor = EncryptorBE32::from_aead(header.cipher(passphrase)?, header.nonce().into());
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK));
        Ok(Self { out, encryptor: Some(encryptor), header, chunk })
    }

    /// Seals and writes the last chunk: without it the file is no backup.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        let encryptor = self.encryptor.take().ok_or(Error::Content)?;
        let payload = Payload { msg: &self.chunk, aad: &self.header.0 };
        let sealed = encryptor.encrypt_last(payload).map_err(|_e| Error::Content)?;
        self.out.write_all(&sealed)?;
        self.out.write_all(FOOTER)?;
        Ok(self.out.flush()?)
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits until there is more, since the last one is sealed in another way.
        if self.chunk.len() == CHUNK {
            let encryptor = self.encryptor.as_mut().ok_or_else(|| io::Error::other(Error::Content))?;
            let payload = Payload { msg: &self.chunk, aad: &self.header.0 };
            let sealed = encryptor.encrypt_next(payload).map_err(|_e| io::Error::other(Error::Content))?;
            self.out.write_all(&sealed)?;
            self.chunk.zeroize();
        }
        let room = CHUNK.saturating_sub(self.chunk.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens such a file, chunk by chunk: no byte comes out before its chunk's tag was checked.
pub struct SealedReader<R: Read> {
    input: Body<R>,
    decryptor: Option<DecryptorBE32<XChaCha20Poly1305>>,
    header: Header,
    /// The next chunk as it stands in the file, read ahead to know whether one follows.
    ahead: Vec<u8>,
    chunk: Zeroizing<Vec<u8>>,
    position: usize,
}

impl<R: Read> SealedReader<R> {
    /// Opens a file with this passphrase; it costs what its header says, within limits.
    ///
    /// # Errors
    /// [`Error::NotABackup`], [`Error::Costs`], [`Error::Unopened`] or [`Error::Io`].
    pub fn new(mut input: R, passphrase: &Password) -> Result<Self, Error> {
        let header = Header::read(&mut input)?;
        let decryptor = DecryptorBE32::from_aead(header.cipher(passphrase)?, header.nonce().into());
        let mut input = Body { input, held: Vec::new() };
        let ahead = next_chunk(&mut input)?;
        let (chunk, position) = (Zeroizing::new(Vec::new()), 0);
        let mut reader = Self { input, decryptor: Some(decryptor), header, ahead, chunk, position };
        reader.open_next()?;
        Ok(reader)
    }

    /// Opens the chunk that was read ahead; at the end there is none.
    fn open_next(&mut self) -> Result<(), Error> {
        let Some(mut decryptor) = self.decryptor.take() else { return Ok(()) };
        let sealed = std::mem::take(&mut self.ahead);
        let payload = Payload { msg: &sealed, aad: &self.header.0 };
        self.ahead = if sealed.len() == CHUNK.saturating_add(TAG) { next_chunk(&mut self.input)? } else { Vec::new() };
        let opened = if self.ahead.is_empty() {
            decryptor.decrypt_last(payload)
        } else {
            let opened = decryptor.decrypt_next(payload);
            self.decryptor = Some(decryptor);
            opened
        };
        self.chunk = Zeroizing::new(opened.map_err(|_e| Error::Unopened)?);
        self.position = 0;
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.position == self.chunk.len() {
            if self.decryptor.is_none() {
                return Ok(0);
            }
            self.open_next().map_err(io::Error::other)?;
        }
        let rest = self.chunk.get(self.position..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(rest) {
            *to = *from;
        }
        self.position = self.position.saturating_add(count);
        Ok(count)
    }
}

/// The chunks between header and footer: it holds the last bytes back until it knows that they are the footer.
struct Body<R> {
    input: R,
    held: Vec<u8>,
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let wanted = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let held = self.held.len();
            self.input.by_ref().take(wanted).read_to_end(&mut self.held)?;
            if self.held.len() == held && !bytes.is_empty() {
                return if self.held == FOOTER { Ok(0) } else { Err(io::Error::other(Error::Unfinished)) };
            }
            let ready = self.held.len().saturating_sub(FOOTER.len()).min(bytes.len());
            if ready > 0 || bytes.is_empty() {
                bytes.iter_mut().zip(self.held.drain(..ready)).for_each(|(to, from)| *to = from);
                return Ok(ready);
            }
        }
    }
}

/// A whole sealed chunk, or the last and shorter one, or nothing.
fn next_chunk(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let whole = CHUNK.saturating_add(TAG);
    let mut chunk = Vec::with_capacity(whole);
    input.take(u64::try_from(whole).unwrap_or(u64::MAX)).read_to_end(&mut chunk)?;
    Ok(chunk)
}

/// The file's first bytes: magic, costs, salt, nonce. Every chunk authenticates them.
struct Header([u8; HEADER]);

impl Header {
    fn new(costs: Costs, random: &[u8; SALT + NONCE]) -> Self {
        let mut header = [0; HEADER];
        let numbers = [costs.memory, costs.passes, costs.lanes].map(u32::to_le_bytes);
        let parts = MAGIC.iter().chain(numbers.as_flattened()).chain(random);
        header.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        Self(header)
    }

    fn read(input: &mut impl Read) -> Result<Self, Error> {
        let mut header = [0; HEADER];
        match input.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Error::NotABackup),
            read => read?,
        }
        if header.starts_with(MAGIC) { Ok(Self(header)) } else { Err(Error::NotABackup) }
    }

    fn part<const N: usize>(&self, from: usize) -> [u8; N] {
        self.0.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn nonce(&self) -> &[u8; NONCE] {
        // INVARIANT: the header ends with the nonce.
        self.0.last_chunk().unwrap_or(&[0; NONCE])
    }

    /// Derives the key of the file (RFC 9106).
    fn cipher(&self, passphrase: &Password) -> Result<XChaCha20Poly1305, Error> {
        let number = |place: usize| u32::from_le_bytes(self.part(MAGIC.len().saturating_add(place)));
        let costs = Costs { memory: number(0), passes: number(4), lanes: number(8) };
        if costs.memory > Costs::MOST.memory || costs.passes > Costs::MOST.passes || costs.lanes > Costs::MOST.lanes {
            return Err(Error::Costs);
        }
        let params = Params::new(costs.memory, costs.passes, costs.lanes, Some(32)).map_err(|_e| Error::Costs)?;
        let salt: [u8; SALT] = self.part(MAGIC.len().saturating_add(12));
        let mut key = Zeroizing::new([0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(passphrase.expose(), &salt, key.as_mut_slice()).map_err(|_e| Error::Costs)?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }
}

/// What Argon2id is asked to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// KiB.
    pub memory: u32,
    /// Times that the memory is gone over.
    pub passes: u32,
    /// Parts of the memory that could be filled side by side.
    pub lanes: u32,
}

impl Costs {
    /// 64 MiB and three passes (RFC 9106 section 4, the second recommended option, with one lane): a file lies around
    /// longer than a password.
    pub const USUAL: Self = Self { memory: 64 * 1024, passes: 3, lanes: 1 };

    /// More than this is an attack on who restores.
    pub const MOST: Self = Self { memory: 1024 * 1024, passes: 16, lanes: 16 };
}

const MAGIC: &[u8] = b"mfad backup 1\n";
/// The file's last bytes. They prove nothing, but tell whoever only carries the file that it was written to its end.
const FOOTER: &[u8] = b"mfad end";
const SALT: usize = 16;
/// The nonce of XChaCha20-Poly1305 without the five bytes of STREAM's counter and last flag.
const NONCE: usize = 19;
const HEADER: usize = MAGIC.len() + 12 + SALT + NONCE;
const TAG: usize = 16;
/// Bytes sealed at once.
const CHUNK: usize = 64 * 1024;
