//! Ending a run cleanly on SIGINT and SIGTERM.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::diagnostic::Diagnostic;
use crate::exit_code::ExitCode;

/// Whether the run should end. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks the run to end, as a signal does.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// To be called between two steps of work.
    ///
    /// # Errors
    /// [`Stopped`] once the run should end.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.0.load(Ordering::Relaxed) {
            Err(Stopped)
        } else {
            Ok(())
        }
    }
}

/// The run was asked to end before its work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run was stopped before its end")]
pub struct Stopped;

impl Diagnostic for Stopped {
    fn exit_code(&self) -> ExitCode {
        ExitCode::TryAgain
    }

    fn hint(&self) -> Option<String> {
        Some("the tables published before are whole; run the job again".to_owned())
    }
}

/// The signal handlers of a session, taken off when it is dropped.
#[derive(Debug, Default)]
pub(super) struct SignalHandlers(Vec<SigId>);

impl SignalHandlers {
    /// The first signal sets the flag; a second one ends the process at once, which harms no published table.
    pub(super) fn install(flag: &StopFlag) -> io::Result<Self> {
        let mut handlers = Self::default();
        for signal in [SIGINT, SIGTERM] {
            let code = i32::from(ExitCode::TryAgain.code());
            let at_once =
                signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&flag.0))?;
            handlers.0.push(at_once);
            handlers
                .0
                .push(signal_hook::flag::register(signal, Arc::clone(&flag.0))?);
        }
        Ok(handlers)
    }
}

impl Drop for SignalHandlers {
    fn drop(&mut self) {
        for handler in self.0.drain(..) {
            signal_hook::low_level::unregister(handler);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_stops_all_clones() {
        let flag = StopFlag::default();
        let clone = flag.clone();
        assert_eq!(clone.check(), Ok(()));
        flag.request();
        assert_eq!(clone.check(), Err(Stopped));
    }

    #[test]
    fn signals_set_the_flag_until_the_handlers_go() {
        for signal in [SIGINT, SIGTERM] {
            let flag = StopFlag::default();
            let handlers = SignalHandlers::install(&flag).unwrap();
            signal_hook::low_level::raise(signal).unwrap();
            assert_eq!(flag.check(), Err(Stopped));
            drop(handlers);
            // A handler that is still on would end the process here.
            signal_hook::low_level::raise(signal).unwrap();
        }
    }
}
