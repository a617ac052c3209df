//! Metrics of connections: open, closed by a time limit, and refused.

use std::io::{Error, ErrorKind};

use prometheus::{IntCounter, IntGauge, Registry};

/// The counters of all connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    open: IntGauge,
    stalled: IntCounter,
    refused: IntCounter,
}

/// An open connection, counted until it is dropped.
pub(crate) struct OpenConnection(Connections);

impl Connections {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let open = IntGauge::new("latchkey_http_connections", "Connections that are open.")?;
        let stalled = IntCounter::new(
            "latchkey_http_connections_stalled_total",
            "Connections ended because the client did not take its answer, or began a request and did not go on.",
        )?;
        let refused = IntCounter::new(
            "latchkey_http_connections_refused_total",
            "Connections closed at once because their address had as many as it may.",
        )?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(stalled.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self { open, stalled, refused })
    }

    pub(crate) fn opened(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.clone())
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }
}

impl OpenConnection {
    /// Counts the error if it is a time-out of the peer, set by the service or by the kernel.
    pub(crate) fn stalled(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::TimedOut {
            self.0.stalled.inc();
        }
        error
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.dec();
    }
}
