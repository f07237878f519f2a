//! The memory that keys lie in, as the kernel sees it. Run with the feature `root`.

use std::collections::BTreeSet;
use std::fs;
use std::hint::black_box;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mfad_daemon::keyring::{Keyring, SecretKey};
use mfad_daemon::ledger::Ledger;
use mfad_daemon::record::Record;
use mfad_daemon::seal::{Sealer, Subject};
use mfad_daemon::totp::{Algorithm, Digits, Generator, Step, Verdict, new_key};
use mfad_tests::daemon::Daemon;
use mfad_tests::needles::Needles;
use mfad_tests::nobody::{as_nobody, home, stage};
use mfad_tests::programs::{built, tool};

/// A mapping of a process: where, and the flags that the kernel shows.
struct Mapping {
    start: u64,
    end: u64,
    flags: Vec<String>,
}

fn mappings(pid: u32) -> Vec<Mapping> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let mut found: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        let (first, rest) = line.split_once(' ').unwrap();
        if let Some((start, end)) = first.split_once('-') {
            let number = |hex| u64::from_str_radix(hex, 16).unwrap();
            found.push(Mapping { start: number(start), end: number(end), flags: Vec::new() });
        } else if first == "VmFlags:" {
            found.last_mut().unwrap().flags = rest.split_whitespace().map(str::to_owned).collect();
        }
    }
    found
}

/// The mappings that are locked: all of them must be hidden, too.
fn key_pages(pid: u32) -> Vec<Mapping> {
    let has = |mapping: &Mapping, flag: &str| mapping.flags.iter().any(|found| found == flag);
    let locked: Vec<_> = mappings(pid).into_iter().filter(|mapping| has(mapping, "lo")).collect();
    for mapping in &locked {
        assert!(has(mapping, "dd"), "a locked page is dumped: {:?}", mapping.flags);
        assert!(has(mapping, "dc"), "a locked page is inherited: {:?}", mapping.flags);
    }
    let bytes: u64 = locked.iter().map(|mapping| mapping.end - mapping.start).sum();
    assert_eq!(bytes, KEYS * 4096, "of {KEYS} keys, ciphers and hashes each has a page");
    locked
}

/// What root can read of these pages.
fn read(pid: u32, pages: &[Mapping]) -> std::io::Result<Vec<u8>> {
    let memory = fs::File::open(format!("/proc/{pid}/mem"))?;
    let mut bytes = Vec::new();
    for page in pages {
        let mut page_bytes = vec![0; usize::try_from(page.end - page.start).unwrap()];
        memory.read_exact_at(&mut page_bytes, page.start)?;
        bytes.extend(page_bytes);
    }
    Ok(bytes)
}

/// The keys of a daemon that has made its own root key.
fn keys(daemon: &Daemon) -> Needles {
    let hex = fs::read(daemon.state().join("root.key")).unwrap();
    let root = data_encoding::HEXLOWER.decode(hex.trim_ascii()).unwrap();
    let root = SecretKey::from_bytes(root.as_slice().try_into().unwrap()).unwrap();
    let keyring = Keyring::unwrap(&fs::read(daemon.state().join("keyring")).unwrap(), &root).unwrap();
    let mut needles = Needles::default();
    needles.add("base key", keyring.base().expose());
    needles.add("data key", keyring.data().key.expose());
    needles.add("record key", keyring.data().key.derive(b"mfad record seal 1").expose());
    needles
}

#[test]
fn keys_lie_in_pages_that_are_locked_and_not_dumped() {
    let daemon = Daemon::start();
    let pages = key_pages(daemon.pid());
    let found = keys(&daemon).found_in(&read(daemon.pid(), &pages).unwrap());
    for name in ["base key, raw", "data key, raw", "record key, raw"] {
        assert!(found.iter().any(|found| found.starts_with(name)), "no {name} in the locked pages: {found:?}");
    }
}

#[test]
fn not_even_the_kernel_reads_keys_in_memfd_secret() {
    let daemon = Daemon::start_with("key_memory = \"memfd_secret\"\n");
    if daemon.log().contains("memfd_secret") {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{}", daemon.log());
        return println!("not shown here: {}", daemon.log());
    }
    let pages = key_pages(daemon.pid());
    assert!(read(daemon.pid(), &pages[..1]).is_err(), "the kernel has read a key for us");
}

/// Runs a program where memfd_secret(2) is refused, as old kernels and sandboxes do.
fn without_memfd_secret(program: &Path) -> Command {
    let script = "import ctypes, os, struct, sys\n\
        rules = struct.pack('HBBI' * 4, 0x20, 0, 0, 0, 0x15, 0, 1, 447, 6, 0, 0, 0x50026, 6, 0, 0, 0x7fff0000)\n\
        rules = ctypes.create_string_buffer(rules)\n\
        filter = ctypes.create_string_buffer(struct.pack('HP', 4, ctypes.addressof(rules)))\n\
        prctl = ctypes.CDLL(None).prctl\n\
        assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, filter, 0, 0) == 0\n\
        os.execv(sys.argv[1], sys.argv[1:])\n";
    let mut command = tool("python3");
    command.args(["-c", script]).arg(program);
    command
}

#[test]
fn without_memfd_secret_it_starts_and_says_so() {
    let mut daemon = Daemon::unstarted("mfad", "key_memory = \"memfd_secret\"\n");
    let usual = daemon.command();
    let mut command = without_memfd_secret(&built("mfad"));
    command.args(usual.get_args()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    daemon.wait_for(&mut child.0);
    key_pages(child.0.id());
    let warned = child.stop();
    assert_eq!(warned.lines().filter(|line| line.contains("memfd_secret")).count(), 1, "{warned}");
    let mut check = without_memfd_secret(&built("mfad"));
    check.arg("check").arg("--config").arg(daemon.folder().join("mfad.toml")).arg("--state").arg(daemon.state());
    let checked = check.output().unwrap();
    let text = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(1), "{text}");
    assert!(text.contains("FINDING  key_memory asks for memfd_secret"), "{text}");
    daemon.spawn();
    assert!(!daemon.log().contains("memfd_secret") || std::env::var("CI").as_deref() != Ok("true"), "{}", daemon.log());
}

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn stop(mut self) -> String {
        self.0.kill().unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut self.0.stderr.take().unwrap(), &mut text).unwrap();
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn its_own_user_can_neither_read_nor_dump_it() {
    let (stage, home) = (stage(), home());
    let at = |name: &str| home.path().join(name);
    let mut serve = as_nobody(&stage.path().join("mfad"));
    serve.arg("serve").arg("--state").arg(at("state")).arg("--socket").arg(at("s")).stderr(Stdio::null());
    let child = Running(serve.spawn().unwrap());
    while std::os::unix::net::UnixStream::connect(at("s")).is_err() {
        std::thread::yield_now();
    }
    let process = format!("/proc/{}", child.0.id());
    for file in ["mem", "environ", "maps"] {
        let read = as_nobody(Path::new("head")).arg("-c1").arg(format!("{process}/{file}")).output().unwrap();
        let said = String::from_utf8_lossy(&read.stderr);
        assert_eq!(fs::metadata(format!("{process}/{file}")).unwrap().uid(), 0, "it can be dumped");
        assert!(said.contains("Permission denied"), "{file} can be read by the same user: {said}");
    }
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}

#[test]
fn without_memory_to_lock_it_does_not_start_and_names_the_remedy() {
    let (stage, home) = (stage(), home());
    for memory in ["mlock", "memfd_secret"] {
        let config = home.path().join("mfad.toml");
        fs::write(&config, format!("key_memory = \"{memory}\"\n")).unwrap();
        let mut serve = as_nobody(Path::new("sh"));
        serve.args(["-c", "ulimit -l 0; exec \"$0\" \"$@\""]).arg(stage.path().join("mfad")).arg("serve");
        serve.arg("--config").arg(config).arg("--state").arg(home.path().join("state"));
        let output = serve.arg("--socket").arg(home.path().join("s")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "it started");
        assert!(said.contains("LimitMEMLOCK") && said.contains("ulimit -l"), "{said}");
    }
}

/// The dead part of this thread's stack, as the kernel shows it.
struct Below {
    memory: fs::File,
    bytes: Vec<u8>,
}

impl Below {
    #[inline(never)]
    fn look(&mut self, needles: &Needles) -> BTreeSet<String> {
        let here = 0_u8;
        let start = std::ptr::from_ref(black_box(&here)).addr() - self.bytes.len();
        self.memory.read_exact_at(&mut self.bytes, start.try_into().unwrap()).unwrap();
        needles.found_in(&self.bytes)
    }
}

#[inline(never)]
fn forget_on_the_stack(key: [u8; 32]) {
    let mut frame = [[0; 32]; 64];
    frame[0] = key;
    black_box(&mut frame);
}

#[test]
fn computing_with_keys_leaves_nothing_on_the_stack() {
    let mut below = Below { memory: fs::File::open("/proc/self/mem").unwrap(), bytes: vec![0; 32 * 1024] };
    let (keyring, key) = (Keyring::generate(0).unwrap(), new_key().unwrap());
    let mut needles = Needles::default();
    needles.add("base key", keyring.base().expose());
    needles.add("data key", keyring.data().key.expose());
    needles.add("record key", keyring.data().key.derive(b"mfad record seal 1").expose());
    needles.add("mark key", keyring.base().derive(b"mfad mark seal 1").expose());
    needles.add("print key", keyring.base().derive(b"mfad record print 1").expose());
    needles.add("totp key", key.expose());
    forget_on_the_stack(*keyring.base().expose());
    assert!(!below.look(&needles).is_empty(), "a key in a dead frame is not found");
    black_box(&mut [0_u8; 30 * 1024]);

    let sealer = Sealer::new(&keyring).unwrap();
    assert_eq!(below.look(&needles), BTreeSet::new(), "a sealer was made");
    let ledger = Ledger::new(&keyring).unwrap();
    assert_eq!(below.look(&needles), BTreeSet::new(), "a ledger was made");
    let generator = Generator::new(&key, Algorithm::Sha1, Digits::default());
    let _verdict: Verdict = generator.judge(b"123456", Step(100), None);
    assert_eq!(below.look(&needles), BTreeSet::new(), "a code was judged");
    let sealed = sealer.seal(Subject::Slot(1), &Record::default()).unwrap();
    let _opened = sealer.open(Subject::Slot(1), &sealed).unwrap();
    assert_eq!(below.look(&needles), BTreeSet::new(), "a record was sealed and opened");
    let _print = ledger.print(b"key", &sealed);
    let _head = ledger.seal_head(1).unwrap();
    assert_eq!(below.look(&needles), BTreeSet::new(), "a print was made");
}

/// Base key, data key, the keyed hashes of records, of names and of the log, the ciphers of marks and of records.
const KEYS: u64 = 9;
