//! What can be set for the console.

use base::secret::Secret;

/// The settings of the console.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key of the one-time link `/_/first-run?key=…`, by which the first superuser is made in a browser. `None`: only
    /// the command makes superusers.
    pub first_run_key: Option<Secret>,
    /// Bytes of a form from somebody who has not signed in.
    pub outside_bytes_max: u64,
    /// Bytes of all plain values of one form.
    pub form_bytes_max: u64,
    /// Bytes of one uploaded file.
    pub file_bytes_max: u64,
    /// Parts of one form.
    pub form_parts_max: usize,
    /// Records on one page of the grid.
    pub page_size: u64,
    /// Records that a picker offers at once.
    pub picks_max: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            first_run_key: None,
            outside_bytes_max: 64 << 10,
            form_bytes_max: 12 << 20,
            file_bytes_max: 512 << 20,
            form_parts_max: 2000,
            page_size: 40,
            picks_max: 12,
        }
    }
}
