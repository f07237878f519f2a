//! An authenticator app: it knows the URI that it scanned and the time it is told, and nothing of mfad's own code.

use std::process::Stdio;

use crate::programs::tool;

/// The key of one account, as an app keeps it.
pub struct App {
    secret: String,
    algorithm: String,
    digits: String,
}

impl App {
    /// Reads an `otpauth://totp/` URI.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn scan(uri: &str) -> Self {
        assert!(uri.starts_with("otpauth://totp/"), "no otpauth URI: {uri}");
        let (_, query) = uri.split_once('?').expect("parameters");
        let parameter = |name: &str, default: &str| {
            let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
            found.map_or_else(|| default.to_owned(), |(_, value)| value.to_owned())
        };
        Self {
            secret: parameter("secret", ""),
            algorithm: parameter("algorithm", "SHA1"),
            digits: parameter("digits", "6"),
        }
    }

    /// The code that `oathtool` shows at this Unix time.
    ///
    /// # Panics
    /// When `oathtool` fails.
    #[must_use]
    pub fn code(&self, unix: u64) -> String {
        let mut command = tool("oathtool");
        command.arg(format!("--totp={}", self.algorithm)).arg("--digits").arg(&self.digits).arg("--base32");
        // The key goes in by standard input: on the command line everybody could read it.
        command.arg("--now").arg(format!("@{unix}")).arg("-");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("oathtool");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, self.secret.as_bytes()).expect("a written key");
        drop(stdin);
        let output = child.wait_with_output().expect("an ended oathtool");
        assert!(output.status.success(), "oathtool failed");
        String::from_utf8(output.stdout).expect("digits").trim().to_owned()
    }
}

/// Decodes as RFC 3986 section 2.1 says.
///
/// # Panics
/// When the text is not encoded so.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// A code that none of these is.
#[must_use]
pub fn other_than(codes: &[String]) -> String {
    (0..1_000).map(|number| format!("{number:06}")).find(|code| !codes.contains(code)).expect("1,000 candidates")
}
