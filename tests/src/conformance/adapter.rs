//! A client in any language, behind a program that makes the calls which it reads: one JSON object a line.
//!
//! It reads `{"message": REQUEST}`, in the JSON of PROTOCOL.md section 13 without `id`, and writes `{"message": RESPONSE}`, or
//! `{"error": TEXT}` where there is no answer, or `{"lacks": TEXT}` where the client has no such call. With `"times": N` it makes the
//! call so often, one time after the other, and tells of the last.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use mfad_proto::{Call, Request};
use serde_json::{Value, json};

use super::frames::without_id;
use super::{Outcome, Subject};
use crate::render;

/// A running adapter.
pub struct Adapter {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// Why nothing more is asked of it.
    broken: Option<String>,
}

impl Adapter {
    /// Starts the program with the socket as its last argument.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut program: Command, socket: &Path) -> Self {
        program.arg(socket).env_remove("MFAD_SERVER_UID").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = program.spawn().unwrap_or_else(|error| panic!("{program:?} does not start: {error}"));
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { input: child.stdin.take().expect("a pipe"), child, lines, broken: None }
    }

    /// Lets it make a call so often.
    pub fn ask_often(&mut self, call: Call, times: usize) -> Outcome {
        let message = without_id(&render::request(&Request { id: 1, call }));
        let said = match &self.broken {
            Some(why) => Err(why.clone()),
            None => self.exchange(&json!({ "message": message, "times": times })),
        };
        said.unwrap_or_else(|why| {
            self.broken = Some(why.clone());
            Outcome::Broken(why)
        })
    }

    fn exchange(&mut self, line: &Value) -> Result<Outcome, String> {
        writeln!(self.input, "{line}").map_err(|_e| "the adapter has ended".to_owned())?;
        let said = self.lines.recv_timeout(PATIENCE).map_err(|_e| format!("the adapter says nothing to {line}"))?;
        let told: Value = serde_json::from_str(&said).map_err(|error| format!("the adapter says {said}: {error}"))?;
        let text = |key: &str| told[key].as_str().map(str::to_owned);
        match (told.get("message"), text("error"), text("lacks")) {
            (Some(reply), None, None) => Ok(Outcome::Reply(reply.clone())),
            (None, Some(error), None) => Ok(Outcome::NoAnswer(error)),
            (None, None, Some(what)) => Ok(Outcome::Lacks(what)),
            _ => Err(format!("the adapter says {said}, which no adapter does")),
        }
    }
}

impl Subject for Adapter {
    fn ask(&mut self, call: Call) -> Outcome {
        self.ask_often(call, 1)
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Longer than any client waits for its server.
const PATIENCE: Duration = Duration::from_secs(120);
