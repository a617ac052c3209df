//! Large bodies, piece by piece.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

/// As much as a connection collects before it writes. A connection keeps a buffer of up to twice that for as long as it
/// is open: small, since thousands may wait for their next answer.
pub(crate) const PIECE: usize = 4 * 1024;

/// A body that actix copies piece by piece. It would copy a body of bytes as a whole into the connection's buffer before
/// it writes any of it: a client that does not read would hold a copy of a page that otherwise exists once.
pub(super) fn in_pieces(body: BoxBody) -> BoxBody {
    match body.size() {
        BodySize::Sized(size) if size > PIECE as u64 => match body.try_into_bytes() {
            Ok(rest) => BoxBody::new(Pieces { size, rest }),
            Err(body) => body,
        },
        _ => body,
    }
}

struct Pieces {
    size: u64,
    rest: Bytes,
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[actix_web::test]
    async fn a_large_body_comes_in_pieces_and_a_small_one_at_once() {
        let text: Bytes = (0..PIECE * 2 + 5).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut body = in_pieces(BoxBody::new(text.clone()));
        assert_eq!(body.size(), BodySize::Sized(text.len() as u64));
        let (mut whole, mut pieces) = (Vec::new(), 0);
        while let Some(piece) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            whole.extend_from_slice(&piece.unwrap());
            pieces += 1;
        }
        assert_eq!((whole, pieces), (text.to_vec(), 3));
        assert_eq!(in_pieces(BoxBody::new("small")).try_into_bytes().unwrap(), "small");
    }
}
