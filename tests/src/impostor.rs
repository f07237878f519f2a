//! A server that answers what a test wants, in the place of `mfad`.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use mfad_proto::frame::{Content, Header, MAX_FRAME, PREFIX};
use mfad_proto::{Call, Reply, Request, Response};

/// Serves at this path, as the real one by hand would, until the test ends. `None` ends the connection.
///
/// # Panics
/// When nothing can listen there.
pub fn serve(path: &Path, answer: impl Fn(Call) -> Option<Reply> + Clone + Send + 'static) {
    std::fs::remove_file(path).ok();
    let listener = UnixListener::bind(path).expect("a socket");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).expect("an open socket");
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || while exchange(&connection, &answer).is_some() {});
        }
    });
}

/// Answers one request.
fn exchange(mut connection: &UnixStream, answer: &impl Fn(Call) -> Option<Reply>) -> Option<()> {
    let mut frame = vec![0; PREFIX];
    connection.read_exact(&mut frame).ok()?;
    let Header::Frame(length) = Header::judge(&frame) else { return None };
    frame.resize(length, 0);
    connection.read_exact(&mut frame[PREFIX..]).ok()?;
    let Content::Body(body) = Content::of(&frame) else { return None };
    let request = Request::read(body).ok()?;
    let response = Response { id: request.id, reply: answer(request.call)? };
    let mut buffer = [0; MAX_FRAME];
    let length = response.write(&mut buffer).ok()?;
    connection.write_all(&buffer[..length]).ok()
}
