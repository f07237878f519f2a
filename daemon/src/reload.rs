//! The rules that are in force, and how others take their place while the daemon runs.
//!
//! MUST: a configuration that breaks a rule changes nothing.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::{self, Config};
use crate::grants;
use crate::places::Places;
use crate::policy::Policy;

/// Reads the configuration again, and puts its rules in force.
pub struct Reloader {
    places: Places,
    server_uid: u32,
    rules: watch::Sender<Arc<Policy>>,
}

impl Reloader {
    /// Puts the rules of a first configuration in force, for whoever holds the other end.
    #[must_use]
    pub fn begin(
        places: Places,
        file: Config,
        server_uid: u32,
        tell: &mut dyn FnMut(&str),
    ) -> (Self, watch::Receiver<Arc<Policy>>) {
        let (rules, in_force) = watch::channel(Arc::new(rules(file, server_uid, tell)));
        (Self { places, server_uid, rules }, in_force)
    }

    /// Puts the rules that the file holds now in force for every request that comes after. `tell` hears what became of it.
    ///
    /// # Errors
    /// [`config::Error`]; the rules from before stay in force then.
    pub fn reload(&self, tell: &mut dyn FnMut(&str)) -> Result<(), config::Error> {
        let file = self.places.read_config()?;
        let policy = rules(file, self.server_uid, tell);
        for realm in policy.realms().keys().filter(|realm| !self.rules.borrow().realms().contains_key(realm)) {
            tell(&format!("realm {realm} is served on the public socket; its own is made at the next start"));
        }
        self.rules.send_replace(Arc::new(policy));
        tell("the configuration was read again: its rules are in force");
        Ok(())
    }
}

/// The rules of a configuration, with the users and groups that it names as they are now.
fn rules(file: Config, server_uid: u32, tell: &mut dyn FnMut(&str)) -> Policy {
    let (grants, missing) = grants::resolve(&file.grants);
    missing.iter().for_each(|line| tell(line));
    Policy::new(file.realms, server_uid).with_grants(grants).with_admins(grants::admins())
}
