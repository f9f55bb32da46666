//! As whom a server runs: servers refuse to run as root, so that root becomes their own user.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use crate::error::Error;

/// The list of users. (Users of a directory service are not in it; name one that is.)
const USERS: &str = "/etc/passwd";

/// As whom a server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Whom to become, and how that one is called; `None`: we stay who we are.
    other: Option<(u32, u32)>,
    /// Their name.
    pub(crate) name: String,
}

impl Account {
    /// `name` when we are root, else ourselves.
    pub(crate) fn of(name: &str) -> Result<Account, Error> {
        let us = fs::metadata("/proc/self").map_err(Error::disk(Path::new("/proc/self")))?.uid();
        let users = fs::read_to_string(USERS).map_err(Error::disk(Path::new(USERS)))?;
        let lines = || users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let settings = |what: String| Error::Settings { what };
        if us != 0 {
            let name = lines().find(|parts| parts.get(2).and_then(|id| id.parse().ok()) == Some(us));
            let name = name.map(|parts| parts[0].to_owned());
            let nameless =
                || settings(format!("the user {us} that this program runs as has no name in {USERS}"));
            return Ok(Account { other: None, name: name.ok_or_else(nameless)? });
        }
        let ids = lines()
            .find(|parts| parts[0] == name)
            .and_then(|parts| Some((parts.get(2)?.parse().ok()?, parts.get(3)?.parse().ok()?)));
        let absent = || {
            settings(format!("there is no user {name} on this host; the database server can't run as root"))
        };
        Ok(Account { other: Some(ids.ok_or_else(absent)?), name: name.to_owned() })
    }

    /// Gives a file or folder to them.
    pub(crate) fn own(&self, path: &Path) -> Result<(), Error> {
        let Some((uid, gid)) = self.other else { return Ok(()) };
        chown(path, Some(uid), Some(gid)).map_err(Error::disk(path))
    }

    /// What `setpriv` is to be told so that a program runs as them.
    pub(crate) fn options(&self) -> Vec<String> {
        let Some((uid, gid)) = self.other else { return Vec::new() };
        vec![format!("--reuid={uid}"), format!("--regid={gid}"), "--init-groups".to_owned()]
    }
}
