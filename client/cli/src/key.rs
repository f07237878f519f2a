//! `mfactl key`: the key that seals the records.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mfad_client::{Client, Options, words};
use mfad_proto::{Call, Keys, Reply};

use crate::args::Key;
use crate::failure::Failure;
use crate::output::{KeysObject, Output};

/// Runs the command.
pub(crate) fn run(command: &Key, options: Options, output: &Output) -> Result<(), Failure> {
    let mut client = Client::connect(options)?;
    match command {
        Key::Status => status(&ask(&mut client, Call::KeyStatus)?, output),
        Key::Rotate => rotate(&mut client, output),
    }
}

fn status(keys: &Keys, output: &Output) -> Result<(), Failure> {
    output.object(&KeysObject::from(keys))?;
    output.prose(&format!("key {}, made {}, seals {} records", keys.id, words::moment(keys.made_at), keys.records))?;
    match keys.old {
        Some(old) => output.prose(&format!("  up to {} of them are still sealed with key {old}", keys.left)),
        None => Ok(()),
    }
}

/// The daemon does the work, also when nobody watches any more.
fn rotate(client: &mut Client, output: &Output) -> Result<(), Failure> {
    let mut keys = ask(client, Call::KeyRotate)?;
    let style = ProgressStyle::with_template("{bar:40} {percent} % of {len} records");
    let bar = ProgressBar::new(keys.records).with_style(style.unwrap_or_else(|_e| ProgressStyle::default_bar()));
    let mut looks_in_vain: u32 = 0;
    while keys.old.is_some() {
        bar.set_length(keys.records);
        bar.set_position(keys.records.saturating_sub(keys.left));
        pause();
        let now = ask(client, Call::KeyStatus)?;
        looks_in_vain = if now == keys { looks_in_vain.saturating_add(1) } else { 0 };
        if looks_in_vain == PATIENCE {
            return Err(Failure::Stalled);
        }
        keys = now;
    }
    bar.finish_and_clear();
    output.result("done")?;
    output.prose(&format!("Key {} seals all records, and the key before it is gone.", keys.id))
}

fn ask(client: &mut Client, call: Call) -> Result<Keys, Failure> {
    match client.call(call)? {
        Reply::Keys(keys) => Ok(keys),
        other => Err(Failure::unexpected(&other)),
    }
}

#[expect(clippy::disallowed_methods, reason = "the daemon does not say by itself how far it is")]
fn pause() {
    std::thread::sleep(Duration::from_millis(200));
}

/// Looks without any progress, half a minute in all.
const PATIENCE: u32 = 150;
