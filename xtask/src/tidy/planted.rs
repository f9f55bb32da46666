//! A small house in a temporary folder, tidy until a test plants a fault in it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Fault, faults};

/// The floors of the small house.
pub(super) const FLOORS: &str = "1 rooms | hall porch\n0 ground | ground\naside | tool\n";
/// Its foreign crates.
pub(super) const OWNERS: &str = "serde  *\nregex  hall\n";

/// The small house; it goes when it is dropped.
pub(super) struct House {
    folder: TempDir,
}

impl House {
    pub(super) fn new() -> House {
        let house = House { folder: tempfile::tempdir().unwrap() };
        let root = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\n[workspace.dependencies]\n\
                    ground = { path = \"crates/ground\" }\nhall = { path = \"crates/hall\" }\n\
                    porch = { path = \"crates/porch\" }\ntool = { path = \"crates/tool\" }\n\
                    regex = \"1\"\nserde = \"1\"\n\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
        house
            .file("Cargo.toml", root)
            .file("clippy.toml", "")
            .plan(FLOORS, OWNERS)
            .member("ground", "serde.workspace = true\n")
            .member("hall", "ground.workspace = true\nregex.workspace = true\n")
            .member("porch", "")
            .member("tool", "")
    }

    /// Writes one file, over what was there.
    pub(super) fn file(self, path: &str, text: &str) -> House {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
        self
    }

    pub(super) fn replace(self, path: &str, old: &str, new: &str) -> House {
        let text = fs::read_to_string(self.at(path)).unwrap();
        assert!(text.contains(old), "{path} has no {old:?}");
        self.file(path, &text.replace(old, new))
    }

    /// Writes the document; an empty block is left out.
    pub(super) fn plan(self, floors: &str, owners: &str) -> House {
        let block = |name: &str, lines: &str| {
            if lines.is_empty() { String::new() } else { format!("```{name}\n{lines}```\n") }
        };
        let text = format!("# Plan\n\n{}\n{}", block("floors", floors), block("owners", owners));
        self.file("ARCHITECTURE.md", &text)
    }

    /// Adds a dependency, first in its section.
    pub(super) fn depends(self, user: &str, section: &str, used: &str) -> House {
        let header = format!("[{section}]\n");
        let line = format!("{header}{used}.workspace = true\n");
        self.replace(&format!("crates/{user}/Cargo.toml"), &header, &line)
    }

    /// Names one more crate of the house in the workspace's dependencies.
    pub(super) fn declare(self, name: &str) -> House {
        let header = "[workspace.dependencies]\n";
        self.replace("Cargo.toml", header, &format!("{header}{name} = {{ path = \"crates/{name}\" }}\n"))
    }

    /// All faults, as they would be printed.
    pub(super) fn told(&self) -> Vec<String> {
        faults(self.folder.path()).unwrap().iter().map(Fault::to_string).collect()
    }

    /// Fails unless some fault has `words` in it.
    #[track_caller]
    pub(super) fn tells(&self, words: &str) {
        let told = self.told();
        assert!(told.iter().any(|fault| fault.contains(words)), "no fault says {words:?}: {told:#?}");
    }

    /// Adds a crate.
    pub(super) fn member(self, name: &str, dependencies: &str) -> House {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n{dependencies}\n\
             [dev-dependencies]\n\n[lints]\nworkspace = true\n"
        );
        self.file(&format!("crates/{name}/Cargo.toml"), &manifest)
            .file(&format!("crates/{name}/src/lib.rs"), "//! A room.\n")
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(path)
    }
}
