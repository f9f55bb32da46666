//! The guard beside this keeper, told the lease's deadline while the database may be a primary: it kills the database then,
//! whether this keeper runs, stands still, or is gone.

use std::cell::RefCell;
use std::path::PathBuf;

use base::moment::Moment;
use engine::guard::Guard;

use crate::config::GuardProgram;
use crate::error::Error;

/// A guard that is there whenever it is needed.
#[derive(Debug)]
pub(crate) struct Sentry {
    program: Option<GuardProgram>,
    /// The database's data.
    folder: PathBuf,
    guard: RefCell<Option<Guard>>,
}

impl Sentry {
    pub(crate) fn new(program: Option<GuardProgram>, folder: PathBuf) -> Sentry {
        Sentry { program, folder, guard: RefCell::new(None) }
    }

    /// It is there from here on, and ends the database with this keeper.
    pub(crate) fn post(&self) -> Result<(), Error> {
        let Some(GuardProgram { program, args }) = &self.program else { return Ok(()) };
        if self.guard.borrow().is_none() {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            *self.guard.borrow_mut() = Some(Guard::start(program, &args, &self.folder)?);
        }
        Ok(())
    }

    /// From here on it kills the database at `until`. One that is gone is replaced.
    pub(crate) fn hold(&self, until: Moment) -> Result<(), Error> {
        for _ in 0..2 {
            self.post()?;
            let held = self.guard.borrow_mut().as_mut().map(|guard| guard.hold(until));
            match held {
                None | Some(Ok(())) => return Ok(()),
                Some(Err(error)) => tracing::warn!("the guard is replaced: {}", base::error::chain(&error)),
            }
            *self.guard.borrow_mut() = None;
        }
        Err(Error::Moved { what: "no guard can be kept beside the database".to_owned() })
    }

    /// From here on it kills nothing before it is told to, or left.
    pub(crate) fn rest(&self) {
        let mut guard = self.guard.borrow_mut();
        if guard.as_mut().is_some_and(|guard| guard.rest().is_err()) {
            *guard = None;
        }
    }
}
