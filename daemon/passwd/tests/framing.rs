//! What is not a question, and what is not the socket: no answer leaves, and nothing that was said is told. No test here
//! asks PAM, and none needs root.
#[cfg(test)]
mod helper;

#[cfg(test)]
mod framing {
    use std::fs::File;
    use std::io::{ErrorKind, Read};
    use std::net::Shutdown;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use mfad_proto::Password;
    use mfad_proto::passwd::{Answer, Question};

    use super::helper::{bounded, question, send, talk, talk_over};

    const SECRET: &str = "hunter2 hunter2";

    /// The program, which takes the user of these tests for the daemon.
    fn helper() -> Command {
        let mut command = bounded(env!("CARGO_BIN_EXE_mfad-passwd"));
        command.arg(format!("--daemon-uid={}", nix::unistd::geteuid()));
        command
    }

    /// Says these bytes, and that there are no more.
    fn send_all(stream: &UnixStream, bytes: &[u8]) {
        send(stream, bytes);
        stream.shutdown(Shutdown::Write).unwrap();
    }

    /// A question with lengths that need not be true.
    fn made_of(user_length: u8, user: &[u8], length: u16, password: &[u8]) -> Vec<u8> {
        [&[user_length], user, &length.to_le_bytes(), password].concat()
    }

    #[test]
    fn what_is_no_question_gets_no_answer() {
        let long = vec![b'x'; Question::LONGEST];
        let no_questions: [(&str, Vec<u8>); 9] = [
            ("no user", made_of(0, b"", 1, b"x")),
            ("a user with a colon", made_of(7, b"hunter:", 1, b"x")),
            ("a user with a NUL", made_of(7, b"hunter\0", 1, b"x")),
            ("a user with a line feed", made_of(7, b"hunter\n", 1, b"x")),
            ("a user that is no UTF-8", made_of(7, b"hunter\xff", 1, b"x")),
            ("a password too long", made_of(6, b"hunter", 1025, &long)),
            ("the longest password there is not", made_of(6, b"hunter", u16::MAX, &long)),
            ("a byte too many", made_of(6, b"hunter", 7, b"hunter2!")),
            ("another protocol", b"GET /hunter2 HTTP/1.1\r\nHost: hunter2\r\n\r\nhunter2hunter2".to_vec()),
        ];
        for (what, bytes) in no_questions {
            let talk = talk(helper(), |stream| send(stream, &bytes)).about(&what);
            if what == "another protocol" {
                // Its first byte is the length of a user of 71 bytes, who does not come.
                talk.assert_no_answer("not whole in time");
            } else {
                talk.assert_no_answer("the peer asked something else");
            }
            assert!(!talk.stderr.contains("hunter"), "{talk:?}");
        }
    }

    #[test]
    fn a_question_that_ends_early_gets_no_answer() {
        let whole = question("hunter", SECRET);
        for cut in 0..whole.len() {
            let talk = talk(helper(), |stream| send_all(stream, &whole[..cut]));
            talk.assert_no_answer("closed before its question was whole");
            assert!(!talk.stderr.contains("hunter"), "{talk:?}");
        }
    }

    #[test]
    fn an_empty_password_is_wrong_and_a_whole_question_needs_no_end() {
        talk(helper(), |stream| send(stream, &question("hunter", ""))).assert_answer(Answer::Wrong.to_byte());
        let longest_name = "x".repeat(255);
        talk(helper(), |stream| send(stream, &question(&longest_name, ""))).assert_answer(Answer::Wrong.to_byte());
    }

    #[test]
    fn the_longest_question_is_read_whole_however_it_comes() {
        // Nobody has a password of 1024 bytes, so that PAM is not asked.
        let longest = question(&"x".repeat(255), &"y".repeat(Password::MAX));
        assert_eq!(longest.len(), Question::LONGEST);
        talk(helper(), |stream| send(stream, &longest)).assert_answer(Answer::Wrong.to_byte());
        let in_parts = talk(helper(), |stream| longest.chunks(1).for_each(|byte| send(stream, byte)));
        in_parts.assert_answer(Answer::Wrong.to_byte());
    }

    #[test]
    fn a_silent_peer_is_not_waited_for() {
        talk(helper(), |_| {}).assert_no_answer("not whole in time");
    }

    #[test]
    fn a_slow_peer_is_not_waited_for_longer_than_a_silent_one() {
        let sent = std::cell::Cell::new(0);
        let talk = talk(helper(), |mut stream| {
            // A byte each half second would take five minutes.
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            for byte in question("hunter", &"x".repeat(600)).iter() {
                send(stream, &[*byte]);
                sent.set(i32::checked_add(sent.get(), 1).unwrap());
                match stream.read(&mut [0]) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    _ => break,
                }
            }
        });
        talk.assert_no_answer("not whole in time");
        assert!((2..60).contains(&sent.get()), "{} bytes were waited for", sent.get());
    }

    #[test]
    fn standard_input_that_is_no_connection_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (datagrams, _other) = UnixDatagram::pair().unwrap();
        let (pipe, _writer) = std::io::pipe().unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let inputs: [(&str, OwnedFd); 5] = [
            ("a file", File::open("/dev/null").unwrap().into()),
            ("a pipe", pipe.into()),
            ("datagrams", datagrams.into()),
            ("TCP", client.into()),
            ("a folder", File::open(folder.path()).unwrap().into()),
        ];
        for (what, input) in inputs {
            let output = helper().stdin(Stdio::from(input)).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
            assert_eq!(output.stdout, b"", "{what}: {output:?}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains("no connected Unix stream socket"), "{what}: {said}");
        }
        let closed = bounded("sh").args(["-c", "exec \"$0\" <&-", env!("CARGO_BIN_EXE_mfad-passwd")]).output().unwrap();
        assert_eq!(closed.status.code(), Some(1), "{closed:?}");
    }

    #[test]
    fn a_socket_that_listens_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let output = helper().stdin(OwnedFd::from(listener)).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }

    #[test]
    fn a_peer_that_left_is_no_answered_one() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        send(&ours, &question("hunter", ""));
        drop(ours);
        let output = helper().stdin(OwnedFd::from(theirs)).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("the answer cannot be written"));
    }

    #[test]
    fn standard_error_on_the_connection_reaches_no_peer() {
        // Both are the socket, as a unit without StandardError= would have it.
        let mut command = bounded("sh");
        command.args(["-c", "exec \"$0\" --daemon-uid=$1 2>&0 >&0"]);
        command.arg(env!("CARGO_BIN_EXE_mfad-passwd")).arg(nix::unistd::geteuid().to_string());
        let (ours, theirs) = UnixStream::pair().unwrap();
        let talk = talk_over(command, &ours, theirs, |stream| send_all(stream, b"\x01"));
        assert_eq!(talk.answer, b"", "{talk:?}");
        assert_eq!(talk.status.code(), Some(1), "{talk:?}");
    }

    #[test]
    fn the_command_line_has_one_option_and_no_place_for_a_secret() {
        let helper = |args: &[&str]| bounded(env!("CARGO_BIN_EXE_mfad-passwd")).args(args).output().unwrap();
        for args in [&["alice"][..], &["--password=x"], &["--daemon-uid"], &["--daemon-uid=mfad"], &["--daemon-uid=-1"]]
        {
            assert_eq!(helper(args).status.code(), Some(2), "{args:?}");
        }
        // (uid_t)-1 is what the kernel says of a peer that it does not know.
        assert_eq!(helper(&["--daemon-uid=4294967295"]).status.code(), Some(2));
        let version = helper(&["--version"]);
        assert_eq!(
            String::from_utf8(version.stdout).unwrap(),
            concat!("mfad-passwd ", env!("CARGO_PKG_VERSION"), "\n")
        );
        let help = String::from_utf8(helper(&["--help"]).stdout).unwrap();
        let options: Vec<_> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
        assert_eq!(options, ["--daemon-uid", "--help", "--version"], "{help}");
    }
}
