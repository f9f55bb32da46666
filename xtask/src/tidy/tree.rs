//! The files of the workspace as they lie, and its crates as cargo sees them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// Folders that are made, not written.
const MADE: [&str; 5] = [".git", "target", "node_modules", "ondol-data", "pb_data"];

/// What kind of text a rule may look at.
const TEXTS: [&str; 12] =
    ["rs", "md", "toml", "js", "mjs", "json", "sh", "css", "html", "yml", "yaml", "txt"];

/// One text file; `path` is relative to the root, with `/`.
pub(super) struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Its lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(super) fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, end)| end == extension)
    }

    /// The first line that `fits`, or 1.
    pub(super) fn line_where(&self, fits: impl Fn(&str) -> bool) -> usize {
        self.lines().find(|(_, line)| fits(line)).map_or(1, |(number, _)| number)
    }
}

/// The whole tree: text files by content, everything by path.
pub(super) struct Tree {
    pub files: Vec<File>,
    pub paths: Vec<String>,
    pub metadata: Metadata,
}

impl Tree {
    pub(super) fn read(root: &Path) -> Result<Tree> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .other_options(vec!["--offline".to_owned()])
            .exec()
            .context("ask cargo for the workspace's crates")?;
        let mut tree = Tree { files: Vec::new(), paths: Vec::new(), metadata };
        tree.walk(root, "")?;
        tree.paths.sort();
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("read folder {}", folder.display()))?;
        for entry in entries {
            let entry = entry.context("read a folder's entry")?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().context("read an entry's kind")?;
            if kind.is_dir() && !MADE.contains(&name.as_str()) {
                self.paths.push(path.clone());
                self.walk(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.read_file(&entry.path(), path)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, at: &Path, path: String) -> Result<()> {
        let is_text = match path.rsplit('/').next().and_then(|name| name.rsplit_once('.')) {
            Some((_, extension)) => TEXTS.contains(&extension),
            None => path.starts_with(".ci/"),
        };
        if is_text {
            let bytes = fs::read(at).with_context(|| format!("read {path}"))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.files.push(File { path: path.clone(), text });
        }
        self.paths.push(path);
        Ok(())
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or folder lies at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.binary_search_by(|known| known.as_str().cmp(path)).is_ok()
    }

    /// A path of cargo's, relative to the root.
    pub(super) fn relative(&self, path: &str) -> String {
        let root = format!("{}/", self.metadata.workspace_root);
        path.strip_prefix(&root).unwrap_or(path).to_owned()
    }
}
