//! What signals ask of a server, and those that ask nothing and must not end it.
use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What an operator, a terminal or logrotate asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// SIGTERM or Ctrl-C, by number: drain.
    Stop(i32),
    /// SIGHUP: read the configuration again, and open the log anew.
    Reload,
    /// SIGUSR1: open the log anew.
    Reopen,
}

/// All signals of a server, from the moment this is made: none that comes between two looks is
/// lost, and none that asks nothing ends the process or holds it up.
#[derive(Debug)]
pub struct Orders {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
    reopen: Signal,
}

impl Orders {
    pub fn listen() -> io::Result<Self> {
        disregard(&[]);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
        })
    }

    pub async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop(SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => Order::Stop(SignalKind::interrupt().as_raw_value()),
            _ = self.reload.recv() => Order::Reload,
            _ = self.reopen.recv() => Order::Reopen,
        }
    }

    /// Waits for the next that asks to stop.
    pub async fn stop(&mut self) -> i32 {
        loop {
            if let Order::Stop(number) = self.next().await {
                return number;
            }
        }
    }
}

/// Signals that ask nothing of us, and by default would end the process or hold it up.
const MEANINGLESS: [Number; 9] = [
    Number::USR2,
    Number::ALARM,
    Number::VTALARM,
    Number::PROF,
    Number::XCPU,
    Number::XFSZ,
    Number::TSTP,
    Number::TTIN,
    Number::TTOU,
];
/// The same that only Linux has, with the real-time signals.
#[cfg(target_os = "linux")]
const MEANINGLESS_HERE: [std::ops::RangeInclusive<i32>; 4] = [16..=16, 29..=29, 30..=30, 34..=64];
#[cfg(not(target_os = "linux"))]
const MEANINGLESS_HERE: [std::ops::RangeInclusive<i32>; 0] = [];

/// For a process that goes on with its work: `HUP` and `USR1` mean nothing to it either.
pub fn disregard_all() {
    disregard(&[SignalKind::hangup(), SignalKind::user_defined1()]);
}

/// To have listened once is enough: from then on the signal does nothing else. A broken pipe is
/// an error of a write already.
fn disregard(more: &[SignalKind]) {
    let named = MEANINGLESS.iter().map(|number| number.as_raw());
    let here = MEANINGLESS_HERE.into_iter().flatten();
    let kinds = named.chain(here).map(SignalKind::from_raw);
    for kind in kinds.chain(more.iter().copied()) {
        if let Err(error) = signal(kind) {
            tracing::debug!(signal = kind.as_raw_value(), %error, "cannot be disregarded");
        }
    }
}
