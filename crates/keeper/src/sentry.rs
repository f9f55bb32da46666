//! The guard beside this keeper, told the lease's deadline while the database may be a primary: it kills the database then,
//! whether this keeper runs, stands still, or is gone.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use base::moment::Moment;
use cluster::LeaseId;
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
    /// What it is to give back once this keeper is gone and the database dead.
    lease: Cell<Option<LeaseId>>,
}

impl Sentry {
    pub(crate) fn new(program: Option<GuardProgram>, folder: PathBuf) -> Sentry {
        Sentry { program, folder, guard: RefCell::new(None), lease: Cell::new(None) }
    }

    /// It is there from here on, and ends the database with this keeper.
    pub(crate) fn post(&self) -> Result<(), Error> {
        let Some(GuardProgram { program, args }) = &self.program else { return Ok(()) };
        if self.guard.borrow().is_none() {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            *self.guard.borrow_mut() = Some(Guard::start(program, &args, &self.folder)?);
            self.bequeath();
        }
        Ok(())
    }

    /// The lease that this keeper has from here on. A guard that is gone is noticed when it is to hold.
    pub(crate) fn tell(&self, lease: LeaseId) {
        self.lease.set(Some(lease));
        self.bequeath();
    }

    fn bequeath(&self) {
        if let (Some(guard), Some(lease)) = (self.guard.borrow_mut().as_mut(), self.lease.get()) {
            // without it the lease ends by itself
            let _ = guard.bequeath(&lease.to_string());
        }
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
