//! `mfad restore`: asks for what a restore needs, and tells what it did.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use mfad_client::input;
use mfad_daemon::clock::{Clock, SystemClock};
use mfad_daemon::locked;
use mfad_daemon::places::Places;
use mfad_daemon::restore::{Report, Restore, Since};
use mfad_daemon::root_key;
use mfad_daemon::setup::close_process;
use mfad_daemon::state::StateFolder;
use mfad_proto::Password;

/// The options of `mfad restore`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The backup, as mfactl backup wrote it
    file: PathBuf,
    #[command(flatten)]
    places: Places,
    /// Read the passphrase from the first line of this file [default: the terminal, else standard input]
    #[arg(long, value_name = "F")]
    passphrase_file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    close_process()?;
    let config = options.places.read_config()?;
    if let Err(missing) = locked::choose(config.key_memory) {
        super::tell(&missing.warning());
    }
    // Read as who called: what follows is done as the folder's owner.
    let backup = BufReader::new(File::open(&options.file)?);
    let passphrase = passphrase(options.passphrase_file.as_deref())?;
    let source = options.places.key_source_offline(&config);
    let outside = source.read_outside()?;
    StateFolder::act_as_owner(&options.places.state)?;
    let folder = StateFolder::take(&options.places.state)?;
    let root = match outside.map_or_else(|| source.read(&folder), |root| Ok(Some(root)))? {
        Some(root) => root,
        None => {
            super::tell(&root_key::warning(folder.path()));
            root_key::make(&folder)?
        }
    };
    let bar = ProgressBar::new_spinner();
    let restore = Restore { folder: &folder, root: &root, passphrase: &passphrase, now: SystemClock.unix() };
    let report = restore.run(backup, |records| bar.set_position(records))?;
    bar.finish_and_clear();
    tell(&report)
}

fn passphrase(file: Option<&Path>) -> Result<Password, Box<dyn Error>> {
    let typed = match file {
        Some(path) => input::from_file(path)?,
        None => input::secret("Passphrase of the backup: ")?,
    };
    Password::new(typed).ok_or_else(|| "the passphrase is longer than any is".into())
}

fn tell(report: &Report) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    writeln!(out, "{} accounts are restored.", report.accounts)?;
    if let Some(kept) = &report.kept {
        writeln!(out, "The old state is in {}: remove it when it is not needed any more.", kept.display())?;
    }
    writeln!(out, "Every code of the next three minutes counts as used: log in after that.")?;
    writeln!(out, "All recovery codes are void: whoever relies on them makes new ones with mfactl recovery.")?;
    match &report.since {
        Since::NoOldState => {}
        Since::Unreadable => writeln!(
            out,
            "The old state cannot be read: nobody can tell which accounts were disabled, reset or enrolled anew after \
             the backup. Check them: their old factors work again."
        )?,
        Since::Changed(names) if names.is_empty() => {
            writeln!(out, "No account was reset or enrolled anew since the backup.")?;
        }
        Since::Changed(names) => {
            writeln!(out, "These were reset or enrolled anew since the backup, and their old factors work again:")?;
            names.iter().try_for_each(|name| writeln!(out, "  {} in realm {}", name.user, name.realm))?;
        }
    }
    Ok(())
}
