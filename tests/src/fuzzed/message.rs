//! Messages: what can be read is written as it stood, and everything else is refused with a fault and the id to answer.

use mfad_proto::frame::{Content, Header, MAX_FRAME, MAX_LENGTH};
use mfad_proto::{BadRequest, Malformed, Request, Response};
use serde_json::Value;

use super::{assert_bounded, golden};
use crate::render;

/// Reads and writes a request.
///
/// # Panics
/// When it does not hold.
pub fn request(bytes: &[u8]) {
    let body = body(bytes);
    match Request::read(body) {
        Ok(request) => {
            assert_ne!(request.id, 0, "the server's own id");
            let read = |body: &[u8]| Request::read(body).ok().map(|request| render::request(&request));
            assert_written(body, &render::request(&request), |buffer| request.write(buffer), read);
        }
        Err(BadRequest::NoId(fault)) => assert_bounded(&fault.to_string()),
        Err(BadRequest::Malformed { id, fault }) => {
            assert_ne!(id, 0, "the server's own id");
            assert_bounded(&fault.to_string());
        }
        Err(BadRequest::UnknownCall { id }) => assert_ne!(id, 0, "the server's own id"),
    }
}

/// Reads and writes a response.
///
/// # Panics
/// When it does not hold.
pub fn response(bytes: &[u8]) {
    let body = body(bytes);
    match Response::read(body) {
        Ok(response) => {
            let read = |body: &[u8]| Response::read(body).ok().map(|response| render::response(&response));
            assert_written(body, &render::response(&response), |buffer| response.write(buffer), read);
        }
        Err(fault) => assert_bounded(&fault.to_string()),
    }
}

/// The golden requests.
#[must_use]
pub fn requests() -> Vec<Vec<u8>> {
    golden::bodies("request")
}

/// The golden responses.
#[must_use]
pub fn responses() -> Vec<Vec<u8>> {
    golden::bodies("response")
}

/// No frame holds a longer body than this.
fn body(bytes: &[u8]) -> &[u8] {
    bytes.get(..MAX_LENGTH - 1).unwrap_or(bytes)
}

/// A reader takes integers in a longer form than any writer uses: what is written again is shorter then, and otherwise
/// the same bytes. Either way it means the same.
fn assert_written(
    body: &[u8],
    meaning: &Value,
    write: impl Fn(&mut [u8; MAX_FRAME]) -> Result<usize, Malformed>,
    read: impl Fn(&[u8]) -> Option<Value>,
) {
    let mut buffer = [0; MAX_FRAME];
    let length = write(&mut buffer).expect("what came in a frame fits one");
    let frame = &buffer[..length];
    assert_eq!(Header::judge(frame), Header::Frame(length));
    let Content::Body(again) = Content::of(frame) else { panic!("written in another version") };
    assert!(again.len() < body.len() || again == body, "{body:?} was written as {again:?}");
    assert_eq!(read(again).as_ref(), Some(meaning));
}
