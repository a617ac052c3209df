//! A PostgreSQL that refuses every connection with a message, as a real one does while it starts.
#![expect(clippy::expect_used, reason = "only tests call this")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The requests for encryption that a client may send first: SSL and GSSAPI.
const ENCRYPTION_REQUESTS: [[u8; 4]; 2] = [80_877_103_u32.to_be_bytes(), 80_877_104_u32.to_be_bytes()];

/// Listens until the process ends.
pub struct RefusingPostgres(SocketAddr);

impl RefusingPostgres {
    /// Answers each connection with `FATAL` and this message.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(message: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let refusal = error_response(message);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // An error means that the client is gone.
                let _ = refuse(client, &refusal);
            }
        });
        Self(address)
    }

    /// Host and port.
    pub fn address(&self) -> String {
        self.0.to_string()
    }
}

fn refuse(mut client: TcpStream, refusal: &[u8]) -> std::io::Result<()> {
    loop {
        let mut head = [0; 8];
        client.read_exact(&mut head)?;
        let [a, b, c, d, code @ ..] = head;
        if ENCRYPTION_REQUESTS.contains(&code) {
            client.write_all(b"N")?;
            continue;
        }
        let rest = u64::from(u32::from_be_bytes([a, b, c, d])).saturating_sub(8);
        std::io::copy(&mut (&client).take(rest), &mut std::io::sink())?;
        return client.write_all(refusal);
    }
}

/// The message `ErrorResponse` of PostgreSQL's protocol.
fn error_response(message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C57P03\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).expect("a short message");
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}
