//! Who holds a port of this machine: read from `/proc`, as far as this user may.

use std::fs;
use std::path::Path;

/// The state of a socket that listens, as `/proc/net/tcp` writes it.
const LISTENS: &str = "0A";

/// The program that listens on a port, and its process; `None` where that can't be seen.
pub(crate) fn of(port: u16) -> Option<(String, u32)> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|text| inodes(&text, port))
        .collect();
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.path(), entry.file_name().to_str()?.parse::<u32>().ok()?))
    });
    for (path, process) in processes {
        if holds(&path, &links) {
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            return Some((name.trim().to_owned(), process));
        }
    }
    None
}

/// The sockets that listen on a port, in the table's text.
fn inodes(text: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    let of = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        (local.ends_with(&end) && *state == LISTENS).then(|| (*inode).to_owned())
    };
    text.lines().skip(1).filter_map(of).collect()
}

fn holds(process: &Path, links: &[String]) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .any(|link| link.to_str().is_some_and(|link| links.iter().any(|known| known == link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_port_is_found_by_its_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        assert_eq!(of(port).map(|(_, process)| process), Some(std::process::id()));
        drop(listener);
        assert_eq!(of(port), None);
    }
}
