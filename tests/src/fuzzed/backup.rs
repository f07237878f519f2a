//! Backups: a file is read as it was written, or refused in bounded time and memory; no byte comes out of a chunk that
//! was changed or moved.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use mfad_daemon::backup::{Backup, Costs, Error, Overlay, SealedReader, SealedWriter, Snapshot, write};
use mfad_daemon::keyring::Keyring;
use mfad_daemon::ledger::{Ledger, Mark};
use mfad_daemon::seal::SEALED;
use mfad_daemon::store::{MemoryStore, Store};
use mfad_proto::Password;
use zeroize::Zeroizing;

use super::assert_bounded;
use super::edits::{edited, scripts};

/// Takes the bytes for a file, for the content of a sealed one, for edits of a genuine one, or for an order of chunks.
///
/// # Panics
/// When it does not hold.
pub fn check(bytes: &[u8]) {
    match bytes {
        [0, file @ ..] => assert_foreign(file),
        [1, content @ ..] => assert_content(content),
        [2, script @ ..] => assert_edited(&SMALL, script),
        [3, script @ ..] => assert_edited(&LARGE, script),
        [4, length, order @ ..] => assert_order(LENGTHS[usize::from(*length) % LENGTHS.len()], order),
        _ => {}
    }
}

/// Each of these, as it should be and with small faults.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let (empty, dear) = (Genuine::new(0), Costs { memory: u32::MAX, ..CHEAP });
    let claim = [dear.memory, dear.passes, dear.lanes].map(u32::to_le_bytes);
    let mut seeds = vec![
        [&[0], SMALL.file.as_slice()].concat(),
        [&[0], MAGIC, claim.as_flattened(), &[0; HEADER]].concat(),
        [&[1], empty.content.as_slice()].concat(),
        [&[1], SMALL.content.as_slice()].concat(),
        vec![2],
        vec![3],
    ];
    seeds.extend(
        scripts().iter().flat_map(|script| [[&[2], script.as_slice()].concat(), [&[3], script.as_slice()].concat()]),
    );
    seeds.extend((0..).zip(LENGTHS).map(|(length, _)| vec![4, length, 0, 1, 2]));
    seeds.extend([vec![4, 5, 1, 0], vec![4, 5, 0], vec![4, 5, 0, 0, 1]]);
    seeds
}

/// Nobody sealed these bytes under this passphrase; the seed was sealed under the usual one.
fn assert_foreign(file: &[u8]) {
    let file = affordable(file.to_vec());
    let error = Backup::open(file.as_slice(), &passphrase("another")).err().expect("a refusal");
    assert_refusal(&file, &error);
}

/// These bytes were sealed by whoever knows the passphrase, and may yet be no backup.
fn assert_content(content: &[u8]) {
    let file = sealed(content);
    match read(&file) {
        Ok(again) => assert_eq!(again, content),
        Err(error) => assert_refusal(&file, &error),
    }
}

/// A genuine file, damaged.
fn assert_edited(genuine: &Genuine, script: &[u8]) {
    let file = affordable(edited(&genuine.file, script));
    match read(&file) {
        Ok(content) => assert!(file == genuine.file && content == genuine.content, "a damaged backup is read"),
        Err(error) => {
            assert!(file != genuine.file, "a genuine backup is refused: {error}");
            assert_refusal(&file, &error);
        }
    }
}

/// The chunks of a genuine file in some order, with some left out or repeated.
fn assert_order(length: usize, order: &[u8]) {
    let plain: Vec<u8> = (0..251).cycle().take(length).collect();
    let file = sealed(&plain);
    let (header, rest) = file.split_at(HEADER);
    let (body, footer) = rest.split_at(rest.len() - FOOTER);
    let chunks: Vec<_> = body.chunks(CHUNK + TAG).collect();
    let order: Vec<_> = order.iter().take(chunks.len() + 1).map(|number| usize::from(*number) % chunks.len()).collect();
    let in_order = order.iter().copied().eq(0..chunks.len());
    let moved = order.iter().map(|number| chunks[*number]).collect::<Vec<_>>().concat();
    let file = [header, &moved, footer].concat();

    let mut opened = Vec::new();
    let reader = SealedReader::new(file.as_slice(), &passphrase(USUAL));
    let result = reader.and_then(|mut reader| Ok(reader.read_to_end(&mut opened)?));
    assert!(plain.starts_with(&opened), "bytes came out in another place");
    match result {
        Ok(count) => assert!(in_order && count == length, "{count} bytes of {length} in the order {order:?}"),
        Err(error) => {
            assert!(!in_order, "a genuine file is refused: {error}");
            assert_refusal(&file, &error);
        }
    }
}

/// A refusal says one short line, and costs that no reader may pay are refused as such.
fn assert_refusal(file: &[u8], error: &Error) {
    assert_bounded(&error.to_string());
    if file.len() >= HEADER && file.starts_with(MAGIC) && claim(file).is_some_and(|costs| !is_paid(costs)) {
        assert!(matches!(error, Error::Costs), "{error}");
    }
}

/// Lowers what a file asks for where a reader would pay it: thousands of files are tried in a second.
fn affordable(mut file: Vec<u8>) -> Vec<u8> {
    if let Some(costs) = claim(&file).filter(|costs| is_paid(*costs)) {
        let lower = [costs.memory % 64, costs.passes % 4, costs.lanes % 4].map(u32::to_le_bytes);
        file[MAGIC.len()..][..12].copy_from_slice(lower.as_flattened());
    }
    file
}

/// What a file asks for, in its places behind the magic.
fn claim(file: &[u8]) -> Option<Costs> {
    let (numbers, _) = file.get(MAGIC.len()..)?.as_chunks();
    let [memory, passes, lanes, ..] = numbers else { return None };
    let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    Some(Costs { memory: number(memory), passes: number(passes), lanes: number(lanes) })
}

fn is_paid(costs: Costs) -> bool {
    let most = Costs::MOST;
    costs.memory <= most.memory && costs.passes <= most.passes && costs.lanes <= most.lanes
}

/// Everything that a backup holds, as it stands in it.
fn read(file: &[u8]) -> Result<Vec<u8>, Error> {
    let backup = Backup::open(file, &passphrase(USUAL))?;
    let mut content = [sized(&backup.keyring().to_bytes()), sized(&backup.mark().to_bytes())].concat();
    backup.read(|key, value| {
        content.extend([sized(key), sized(value)].concat());
        Ok(())
    })?;
    Ok(content)
}

fn sized(part: &[u8]) -> Vec<u8> {
    let length = u32::try_from(part.len()).expect("a short part");
    [&length.to_le_bytes(), part].concat()
}

fn sealed(content: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut out = SealedWriter::new(&mut file, &passphrase(USUAL), CHEAP).expect("a writer to memory");
    out.write_all(content).and_then(|()| out.finish().map_err(std::io::Error::other)).expect("a sealed file");
    file
}

/// A backup as the daemon writes it, and what it holds.
struct Genuine {
    file: Vec<u8>,
    content: Vec<u8>,
}

impl Genuine {
    fn new(records: u8) -> Self {
        let keyring = Keyring::generate(0).expect("random keys");
        let ledger = Ledger::new(&keyring).expect("locked memory");
        let mut mark = Mark { sequence: 9, head: 8, records: records.into(), ..Mark::default() };
        let store = MemoryStore::default();
        for number in 0..records {
            let (key, value) = (vec![b'a', number], vec![number; SEALED]);
            mark.sum.toggle(ledger.print(&key, &value));
            store.commit(vec![(key, Some(value))]).expect("memory");
        }
        let snapshot = Snapshot::new(Arc::new(store), mark, Arc::new(Overlay::default()));
        let mut file = Vec::new();
        write(&snapshot, &keyring, &passphrase(USUAL), CHEAP, &mut file).expect("a backup");
        Self { content: read(&file).expect("a genuine backup"), file }
    }
}

static SMALL: LazyLock<Genuine> = LazyLock::new(|| Genuine::new(2));

/// Of several chunks.
static LARGE: LazyLock<Genuine> = LazyLock::new(|| Genuine::new(u8::MAX));

fn passphrase(text: &str) -> Password {
    Password::new(Zeroizing::new(text.into())).expect("a short passphrase")
}

const USUAL: &str = "correct horse battery staple";

/// As little as Argon2id can be asked for.
const CHEAP: Costs = Costs { memory: 8, passes: 1, lanes: 1 };

/// Contents around the size of a chunk.
const LENGTHS: [usize; 8] = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK];

const MAGIC: &[u8] = b"mfad backup 1\n";
const HEADER: usize = MAGIC.len() + 12 + 16 + 19;
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const FOOTER: usize = 8;
