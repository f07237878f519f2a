//! The daemon of a [`Front`]: on the clocks of the test, with what people have enrolled there.

use std::path::PathBuf;
use std::time::Duration;

use mfad_client::{Client, Error, Options, Trusted};
use mfad_proto::{Call, LogFilter, Reply};
use serde_json::Value;

use super::{Front, LOGIN, PUBLIC, end};
use crate::app::{App, other_than};
use crate::calls::{begin_enrollment, confirm, denied, verify};
use crate::clocked::{read_clocks, write_clocks};
use crate::logbook;

/// What a person has enrolled.
pub struct Factor {
    /// The app.
    pub app: App,
    /// The recovery codes.
    pub spares: Vec<String>,
}

impl Front {
    /// Starts the daemon, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start_daemon(&mut self) {
        let clocks = self.clocks();
        let serve = format!("MFAD_TEST_CLOCK={} exec ../programs/mfad-clocked serve", clocks.display());
        let mut child = self.spawn(&serve, "log");
        let is_ready = || {
            let pong = self.try_client(PUBLIC).and_then(|mut client| client.call(Call::Ping));
            matches!(pong, Ok(Reply::Pong(pong)) if pong.ready)
        };
        self.wait_until("the daemon", &mut child, "log", is_ready);
        self.daemon = Some(child);
    }

    /// Ends the daemon as an administrator does.
    ///
    /// # Panics
    /// When none runs.
    pub fn stop_daemon(&mut self) {
        end(self.daemon.take().expect("a running daemon"));
    }

    /// Ends the daemon as a crash does.
    ///
    /// # Panics
    /// When none runs.
    pub fn crash_daemon(&mut self) {
        let mut child = self.daemon.take().expect("a running daemon");
        child.kill().expect("a signal");
        child.wait().expect("an ended daemon");
    }

    /// A connection to one of its sockets: [`PUBLIC`] or [`LOGIN`].
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn client(&self, socket: &str) -> Client {
        self.try_client(socket).expect("a connection")
    }

    fn try_client(&self, socket: &str) -> Result<Client, Error> {
        let mut options = Options::new(self.place(socket), Trusted::OWN);
        // A busy machine is not what the tests are about.
        options.deadline = Duration::from_secs(30);
        Client::connect(options)
    }

    /// Sets up a factor for a user. A later step begins then, so that the app's code is not the used one.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn enroll(&self, user: &str) -> Factor {
        let mut client = self.client(LOGIN);
        let enrollment = begin_enrollment(&mut client, user);
        let app = App::scan(enrollment.uri.expose());
        let spares = confirm(&mut client, user, &enrollment, &app.code(self.time()));
        self.turn();
        Factor { app, spares }
    }

    /// What the app shows now.
    #[must_use]
    pub fn code(&self, factor: &Factor) -> String {
        factor.app.code(self.time())
    }

    /// A code that the app does not show at any time near now.
    #[must_use]
    pub fn wrong_code(&self, factor: &Factor) -> String {
        let near: Vec<_> = (0..11).map(|step| factor.app.code(self.time() + 30 * step - 150)).collect();
        other_than(&near)
    }

    /// Gives the daemon wrong codes of this user, as a login service does, each when it looks at one again.
    ///
    /// # Panics
    /// When one of them is not denied.
    pub fn miss(&self, user: &str, factor: &Factor, times: u32) {
        let (mut client, wrong) = (self.client(LOGIN), self.wrong_code(factor));
        for _ in 0..times {
            self.rest(900);
            assert!(denied(&client.call(verify(user, &wrong)).expect("an answer")), "a wrong code is not denied");
        }
    }

    /// The next step of 30 s begins.
    pub fn turn(&self) {
        let (unix, monotonic) = read_clocks(&self.clocks());
        write_clocks(&self.clocks(), unix + 30, monotonic);
    }

    /// Lets seconds pass on the daemon's monotonic clock: delays end, and the codes stay the same.
    pub fn rest(&self, seconds: u64) {
        let (unix, monotonic) = read_clocks(&self.clocks());
        write_clocks(&self.clocks(), unix, monotonic + seconds);
    }

    /// The daemon's wall clock.
    #[must_use]
    pub fn time(&self) -> u64 {
        read_clocks(&self.clocks()).0
    }

    pub(super) fn clocks(&self) -> PathBuf {
        self.machine.folder().join("time")
    }

    /// The lines of the audit log about codes that came by this way, from the oldest on.
    ///
    /// # Panics
    /// When it is not shown.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let mut lines = logbook::read(&mut self.client(PUBLIC), &LogFilter::default());
        lines.retain(|line| {
            let has_code = matches!(line["call"].as_str(), Some("verify" | "authenticate"));
            has_code && line["service"] == self.way.service()
        });
        lines
    }

    /// What those lines say: outcome and reason.
    ///
    /// # Panics
    /// As [`Self::lines`].
    #[must_use]
    pub fn judged(&self) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.lines().iter().map(|line| (word(&line["outcome"]), word(&line["reason"]))).collect()
    }
}
